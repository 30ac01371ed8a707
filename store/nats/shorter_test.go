//go:build unix

package nats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// TestAJournalThatGetsShorter: somebody purges the stream of the journals while nodes run, it is restored
// from a backup, its servers lose their last records with the power, or it was given a limit. Nodes say so,
// and go on from what is there.
func TestAJournalThatGetsShorter(t *testing.T) {
	c := natstest.Start(t, 3)
	conn, err := natsgo.Connect(strings.Join(c.URLs(), ","))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what    string
		shorten func(jetstream.Stream) error
		left    uint64
	}{
		{"purged", func(s jetstream.Stream) error { return s.Purge(context.Background()) }, 0},
		{"the end lost", func(s jetstream.Stream) error { return s.DeleteMsg(context.Background(), 3) }, 2},
	} {
		t.Run(test.what, func(t *testing.T) {
			prefix := newPrefix()
			var stores []*nats.Store
			var told [2]events
			for i := range told {
				st := open(t, c, nats.Options{Prefix: prefix, Node: fmt.Sprint("n", i), Event: told[i].add})
				defer st.Close()
				stores = append(stores, st)
			}
			j, k := journal(t, stores[0], "j"), journal(t, stores[1], "j")
			for i := range uint64(3) {
				if _, err := appendAt(j, i, "record"); err != nil {
					t.Fatal(err)
				}
			}
			if last, err := k.Last(context.Background()); err != nil || last != 3 {
				t.Fatalf("last revision is %d, %v", last, err)
			}
			stream, err := js.Stream(context.Background(), prefix+"_journals")
			if err != nil {
				t.Fatal(err)
			}
			if err := test.shorten(stream); err != nil {
				t.Fatal(err)
			}
			if _, err := appendAt(j, 3, "record"); !errors.Is(err, store.ErrConflict) {
				t.Fatalf("append behind what is gone: %v", err)
			}
			told[0].wait(t, nats.JournalShorter)
			if last, err := j.Last(context.Background()); err != nil || last != test.left {
				t.Errorf("last revision is %d, %v", last, err)
			}
			for i := test.left; i < test.left+2; i++ {
				if revision, err := appendAt(j, i, "anew"); err != nil || revision != i+1 {
					t.Fatalf("revision %d, %v", revision, err)
				}
			}
			// The other node knows of the old records only, and then of too many.
			if _, err := appendAt(k, 3, "other"); test.left+2 != 3 && !errors.Is(err, store.ErrConflict) {
				t.Errorf("append behind what is gone, at the other node: %v", err)
			}
			last := test.left + 2
			deadline := time.Now().Add(10 * time.Second)
			for {
				revision, err := appendAt(k, last, "again")
				if err == nil && revision == last+1 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the other node can't append behind %d: revision %d, %v", last, revision, err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			var read []string
			err = k.Read(context.Background(), 0, func(_ uint64, record []byte) error {
				read = append(read, string(record))
				return nil
			})
			if err != nil || uint64(len(read)) != last+1 || read[last] != "again" {
				t.Errorf("the other node reads %q, %v", read, err)
			}
		})
	}
}

// TestAJournalThatIsRefused: the stream has no room any more. The node says so, and when there is again.
func TestAJournalThatIsRefused(t *testing.T) {
	c := natstest.Start(t, 1)
	prefix := newPrefix()
	var told events
	st := open(t, c, nats.Options{Prefix: prefix, Replicas: 1, Event: told.add})
	defer st.Close()
	j := journal(t, st, "j")
	if _, err := appendAt(j, 0, "record"); err != nil {
		t.Fatal(err)
	}
	conn, err := natsgo.Connect(strings.Join(c.URLs(), ","))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(context.Background(), prefix+"_journals")
	if err != nil {
		t.Fatal(err)
	}
	limited := stream.CachedInfo().Config
	limited.MaxBytes, limited.Discard = 200, jetstream.DiscardNew
	if _, err := js.UpdateStream(context.Background(), limited); err != nil {
		t.Fatal(err)
	}
	record := strings.Repeat("x", 400)
	for range 2 { // each of them is tried for 10 s
		if _, err := appendAt(j, 1, record); err == nil {
			t.Fatal("there is room")
		}
	}
	told.waitFor(t, nats.StreamsUnavailable, "maximum bytes exceeded")
	limited.MaxBytes = -1
	if _, err := js.UpdateStream(context.Background(), limited); err != nil {
		t.Fatal(err)
	}
	if _, err := appendAt(j, 1, record); err != nil {
		t.Fatal(err)
	}
	told.wait(t, nats.StreamsAvailable)
}
