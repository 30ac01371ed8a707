//go:build unix

package nats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// events are those that a node has told.
type events struct {
	mu  sync.Mutex
	all []nodes.Event
}

func (e *events) add(one nodes.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

func (e *events) wait(t testing.TB, kind nodes.EventKind) { e.waitFor(t, kind, "") }

// waitFor waits for an event with this text in it.
func (e *events) waitFor(t testing.TB, kind nodes.EventKind, text string) {
	t.Helper()
	told := func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.ContainsFunc(e.all, func(one nodes.Event) bool {
			return one.Kind == kind && strings.Contains(one.String(), text)
		})
	}
	for end := time.Now().Add(20 * time.Second); !told(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			e.mu.Lock()
			defer e.mu.Unlock()
			t.Fatalf("%s %s was not told, but %v", kind, text, e.all)
		}
	}
}

func (e *events) mention(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.all, func(one nodes.Event) bool { return strings.Contains(one.String(), text) })
}

// TestServersAway: a node starts without servers, has its own tier at once, and its journals
// when they come.
func TestServersAway(t *testing.T) {
	c := natstest.Start(t, 3)
	for i := range 3 {
		c.Kill(i)
	}
	var told events
	st := open(t, c, nats.Options{Prefix: newPrefix(), Event: told.add})
	defer st.Close()
	told.wait(t, nats.StreamsUnavailable)
	put(t, st, "a", content(1000))
	wantObject(t, st, "a", content(1000))
	wantNotFound(t, st, "b")
	own, err := st.Local().Journal(context.Background(), "own")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Append(context.Background(), 0, nil); err != nil {
		t.Fatal(err)
	}
	g := join(t, st)
	if s := g.Status(); s.Contact == store.InContact {
		t.Errorf("status %+v", s)
	}
	if err := g.Fetch(context.Background(), "b", -1, "another"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("fetch: %v", err)
	}
	j := journal(t, st, "j")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := j.Append(ctx, 0, []byte("record")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v", err)
	}
	if _, err := j.Last(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("last: %v", err)
	}
	for i := range 3 {
		c.Restart(i)
	}
	told.wait(t, nats.StreamsAvailable)
	if _, err := appendOne(j, "record", time.Second); err != nil {
		t.Fatal(err)
	}
	if last, err := j.Last(context.Background()); err != nil || last != 1 {
		t.Errorf("last revision is %d, %v", last, err)
	}
}

// TestTooFewServers: what an operator has to know is said.
func TestTooFewServers(t *testing.T) {
	c := natstest.Start(t, 1)
	var told events
	st := open(t, c, nats.Options{Prefix: newPrefix(), Replicas: 3, Event: told.add})
	defer st.Close()
	told.waitFor(t, nats.StreamsUnavailable, "replicas is 3")
}

// TestStreamIsChanged: the number of replicas is an option that can be changed.
func TestStreamIsChanged(t *testing.T) {
	c := natstest.Start(t, 3)
	prefix := newPrefix()
	for i, replicas := range []int{1, 3, 2} {
		st := open(t, c, nats.Options{Prefix: prefix, Replicas: replicas})
		if revision, err := appendOne(journal(t, st, "j"), fmt.Sprint("record ", i), time.Second); err != nil || revision != uint64(i+1) {
			t.Errorf("revision %d, %v", revision, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyNodesCreateTheStream at once.
func TestManyNodesCreateTheStream(t *testing.T) {
	c := natstest.Start(t, 3)
	prefix := newPrefix()
	var opening sync.WaitGroup
	for i := range 5 {
		opening.Go(func() {
			var told events
			st := open(t, c, nats.Options{Prefix: prefix, Node: fmt.Sprint("node-", i), Event: told.add})
			defer st.Close()
			if _, err := appendOne(journal(t, st, "j"), fmt.Sprint("record ", i), time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	st := openNodes(t, c, nats.Options{})[0]
	if _, err := journal(t, st, "j").Last(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestPeerAddressOutOfReach: objects go over NATS.
func TestPeerAddressOutOfReach(t *testing.T) {
	c := natstest.Start(t, 1)
	// An address for documentation, where nobody answers.
	address := strings.Replace(peerAddress(t), "127.0.0.1", "192.0.2.1", 1)
	stores := openNodes(t, c, nats.Options{Replicas: 1, PeerAddress: address}, nats.Options{Replicas: 1})
	put(t, stores[0], "a", content(1<<20))
	wantObject(t, stores[1], "a", content(1<<20))
}

// TestStreamsAreMadeAgain: somebody deletes the stream of the journals while nodes run. They make it
// again, say so, and go on.
func TestStreamsAreMadeAgain(t *testing.T) {
	c := natstest.Start(t, 3)
	prefix := newPrefix()
	var stores []*nats.Store
	var told [2]events
	for i := range 2 {
		st := open(t, c, nats.Options{Prefix: prefix, Node: fmt.Sprint("n", i), Event: told[i].add})
		defer st.Close()
		stores = append(stores, st)
	}
	j, k := journal(t, stores[0], "j"), journal(t, stores[1], "j")
	for i := range 3 {
		if _, err := appendAt(j, uint64(i), "record"); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := k.Last(context.Background()); err != nil || last != 3 {
		t.Fatalf("last revision is %d, %v", last, err)
	}
	time.Sleep(6 * time.Second) // until both nodes have seen which stream it is
	conn, err := natsgo.Connect(strings.Join(c.URLs(), ","))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(context.Background(), prefix+"_journals"); err != nil {
		t.Fatal(err)
	}
	for i := range told {
		told[i].wait(t, nats.StreamsRemade)
	}
	if _, err := appendAt(j, 3, "record"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("append behind what is gone: %v", err)
	}
	if revision, err := appendAt(j, 0, "anew"); err != nil || revision != 1 {
		t.Fatalf("revision %d, %v", revision, err)
	}
	if revision, err := appendAt(k, 1, "anew"); err != nil || revision != 2 {
		t.Errorf("revision %d, %v", revision, err)
	}
}

func appendAt(j store.Journal, last uint64, record string) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return j.Append(ctx, last, []byte(record))
}
