//go:build unix

package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// tampered is a local tier whose objects do what a test wants when they are read in parts,
// or as a whole for the second time (the first is for the sum).
type tampered struct {
	store.Store
	opened atomic.Int64
	wholes atomic.Int64
	read   func(p []byte, offset int64) error
}

func (s *tampered) Open(ctx context.Context, key string) (store.Object, error) {
	s.opened.Add(1)
	o, err := s.Store.Open(ctx, key)
	if err != nil || s.read == nil {
		return o, err
	}
	return &tamperedObject{o, s}, nil
}

type tamperedObject struct {
	store.Object
	of *tampered
}

func (o *tamperedObject) ReadAt(p []byte, offset int64) (int, error) {
	n, err := o.Object.ReadAt(p, offset)
	if err == nil || errors.Is(err, io.EOF) {
		if failed := o.of.read(p[:n], offset); failed != nil {
			return 0, failed
		}
	}
	return n, err
}

func (o *tamperedObject) WriteTo(w io.Writer) (int64, error) {
	if o.of.wholes.Add(1) == 1 {
		return o.Object.WriteTo(w)
	}
	return io.Copy(w, struct{ io.Reader }{io.NewSectionReader(o, 0, o.Size())})
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func put(t testing.TB, st store.Store, key string, b []byte) {
	t.Helper()
	w, err := st.Create(context.Background(), key, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func wantObject(t testing.TB, st store.Store, key string, want []byte) {
	t.Helper()
	o, err := st.Open(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var got bytes.Buffer
	if _, err := o.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Fatalf("%d bytes, not the %d that were written: %v", got.Len(), len(want), err)
	}
}

func wantNotFound(t testing.TB, st store.Store, key string) {
	t.Helper()
	if o, err := st.Open(context.Background(), key); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			o.Close()
		}
		t.Fatalf("%s: %v, want ErrNotFound", key, err)
	}
}

// transports runs a test for each way that bytes can take.
func transports(t *testing.T, test func(t *testing.T, c *natstest.Cluster, address func() string)) {
	c := natstest.Start(t, 3)
	t.Run("NATS", func(t *testing.T) { test(t, c, func() string { return "" }) })
	t.Run("HTTP", func(t *testing.T) { test(t, c, func() string { return peerAddress(t) }) })
}

func peerAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

var fetchSizes = []int{0, 1, 64<<10 + 1, 512 << 10, 512<<10 + 1, 5<<20 + 77}

func TestFetch(t *testing.T) {
	transports(t, func(t *testing.T, c *natstest.Cluster, address func() string) {
		stores := openNodes(t, c, nats.Options{PeerAddress: address()}, nats.Options{}, nats.Options{})
		for _, n := range fetchSizes {
			key := fmt.Sprint("channel/", n, ".ts")
			put(t, stores[0], key, content(n))
			wantObject(t, stores[1], key, content(n))
			wantObject(t, stores[1].Local(), key, content(n))
		}
		// The node that took them is not needed any more.
		if err := stores[0].Close(); err != nil {
			t.Fatal(err)
		}
		for _, n := range fetchSizes {
			wantObject(t, stores[2], fmt.Sprint("channel/", n, ".ts"), content(n))
		}
	})
}

// TestFetchFromFarAway: what a node far away has is asked for once, if one answer has room for it.
func TestFetchFromFarAway(t *testing.T) {
	c := natstest.Start(t, 3)
	way := natstest.Far(t, 30*time.Millisecond, 0)
	local := &tampered{Store: memory.Open(0)}
	stores := openNodes(t, c, nats.Options{Local: local}, nats.Options{Servers: way.ToAll(c.URLs())})
	join(t, stores[0])
	g := join(t, stores[1])
	awaitAlive(t, g, 1)
	for g.Status().Peers[0].Delay < 10*time.Millisecond { // until it knows
		time.Sleep(10 * time.Millisecond)
	}
	for _, n := range fetchSizes {
		key := fmt.Sprint("channel/", n, ".ts")
		put(t, stores[0], key, content(n))
		before := local.opened.Load()
		if err := g.Fetch(t.Context(), key, int64(n), "a"); err != nil {
			t.Fatal(err)
		}
		wantObject(t, stores[1].Local(), key, content(n))
		if asked := local.opened.Load() - before; n <= 2<<20 && asked != 1 {
			t.Errorf("%d bytes: asked for %d times", n, asked)
		}
	}
}

// member is one that is not interested.
type member struct{}

func (member) Receive(string, []byte)                                 {}
func (member) Lost(string, int)                                       {}
func (member) Answer(context.Context, string, []byte) ([]byte, error) { return nil, nil }
func (member) State() []byte                                          { return nil }
func (member) Changed(store.GroupStatus)                              {}
func join(t testing.TB, st store.Shared) store.Group {
	t.Helper()
	g, err := st.Join("sports", member{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Leave)
	return g
}

// awaitAlive waits until so many other members are there.
func awaitAlive(t testing.TB, g store.Group, members int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		alive := 0
		for _, p := range g.Status().Peers {
			if p.Alive {
				alive++
			}
		}
		if alive == members {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d other members are there, not %d", alive, members)
		}
	}
}

func TestGroupFetch(t *testing.T) {
	c := natstest.Start(t, 3)
	full := memory.Open(64 << 10)
	stores := openNodes(t, c, nats.Options{}, nats.Options{}, nats.Options{Local: full})
	g := join(t, stores[1])
	b := content(1 << 20)
	put(t, stores[0], "a/1", b)
	ctx := context.Background()
	for _, from := range []string{"a", "c", "", "a", "no-such-node"} {
		if err := g.Fetch(ctx, "a/1", int64(len(b)), from); err != nil {
			t.Fatalf("from %q: %v", from, err)
		}
		wantObject(t, stores[1].Local(), "a/1", b)
		if err := stores[1].Delete(ctx, "a/1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Fetch(ctx, "a/1", 7, "a"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("an object of another length: %v", err)
	}
	if err := g.Fetch(ctx, "a/2", -1, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an object that nobody has: %v", err)
	}
	if err := g.Fetch(ctx, "../a", -1, "a"); !errors.Is(err, store.ErrKey) {
		t.Errorf("a key that is none: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.Fetch(canceled, "a/1", -1, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if err := join(t, stores[2]).Fetch(ctx, "a/1", -1, "a"); !errors.Is(err, store.ErrFull) {
		t.Errorf("into a full store: %v", err)
	}
}

// TestFetchOnce: many who want the same object cost one transfer, and one that is nowhere
// costs a question a second.
func TestFetchOnce(t *testing.T) {
	c := natstest.Start(t, 3)
	local := &tampered{Store: memory.Open(0)}
	stores := openNodes(t, c, nats.Options{Local: local}, nats.Options{})
	b := content(2 << 20)
	put(t, stores[0], "a", b)
	var reading sync.WaitGroup
	for range 40 {
		reading.Go(func() { wantObject(t, stores[1], "a", b) })
	}
	reading.Wait()
	before := local.opened.Load()
	if before > 3 { // for its head, and its only part
		t.Errorf("the object was opened %d times", before)
	}
	for range 40 {
		wantNotFound(t, stores[1], "b")
	}
	if n := local.opened.Load() - before; n > 10 {
		t.Errorf("what is not there was asked for %d times", n)
	}
	// It comes nevertheless.
	put(t, stores[1], "b", b)
	wantObject(t, stores[1], "b", b)
}

// TestFetchFromWhoCanDeliver: a node that fails in the middle, or has other bytes than it
// promised, is passed over.
func TestFetchFromWhoCanDeliver(t *testing.T) {
	transports(t, func(t *testing.T, c *natstest.Cluster, address func() string) {
		for name, read := range map[string]func(p []byte, offset int64) error{
			"fails": func(_ []byte, offset int64) error {
				if offset >= 1<<20 {
					return errors.New("broken disk")
				}
				return nil
			},
			"has other bytes": func(p []byte, offset int64) error {
				if offset >= 1<<20 && len(p) > 0 {
					p[len(p)/2]++
				}
				return nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				bad := &tampered{Store: memory.Open(0), read: read}
				stores := openNodes(t, c, nats.Options{Local: bad, PeerAddress: address()}, nats.Options{}, nats.Options{PeerAddress: address()})
				g := join(t, stores[1])
				b := content(3 << 20)
				put(t, stores[0], "a", b)
				if err := g.Fetch(context.Background(), "a", -1, "a"); err == nil || errors.Is(err, store.ErrNotFound) {
					t.Fatalf("the only node that has it is broken: %v", err)
				}
				wantNotFound(t, stores[1].Local(), "a")
				if n := stores[1].Usage().Objects; n != 0 {
					t.Errorf("%d objects are left", n)
				}
				put(t, stores[2], "a", b)
				if err := g.Fetch(context.Background(), "a", int64(len(b)), "a"); err != nil {
					t.Fatal(err)
				}
				wantObject(t, stores[1].Local(), "a", b)
			})
		}
	})
}

// TestFetchWhileNodeDies: the node goes away in the middle, and another one has it, too.
func TestFetchWhileNodeDies(t *testing.T) {
	transports(t, func(t *testing.T, c *natstest.Cluster, address func() string) {
		dying := &tampered{Store: memory.Open(0)}
		var once sync.Once
		var stores []*nats.Store
		var closing sync.WaitGroup
		dying.read = func(_ []byte, offset int64) error {
			if offset < 1<<20 {
				return nil
			}
			once.Do(func() { closing.Go(func() { _ = stores[0].Close() }) })
			return errors.New("dying")
		}
		stores = openNodes(t, c, nats.Options{Local: dying, PeerAddress: address()}, nats.Options{}, nats.Options{PeerAddress: address()})
		b := content(3 << 20)
		put(t, stores[0], "a", b)
		put(t, stores[2], "a", b)
		if err := join(t, stores[1]).Fetch(context.Background(), "a", -1, "a"); err != nil {
			t.Fatal(err)
		}
		wantObject(t, stores[1].Local(), "a", b)
		closing.Wait()
	})
}

// TestFetchBetweenNodesThatLackIt ends, although each of them looks at the others.
func TestFetchBetweenNodesThatLackIt(t *testing.T) {
	c := natstest.Start(t, 3)
	stores := openNodes(t, c, nats.Options{}, nats.Options{}, nats.Options{})
	var asking sync.WaitGroup
	for _, st := range stores {
		for i := range 20 {
			asking.Go(func() { wantNotFound(t, st, fmt.Sprint("none/", i)) })
		}
	}
	asking.Wait()
}

// TestFetchFromNodeThatComesBack: that nobody had the object a moment ago says nothing of who is there
// now.
func TestFetchFromNodeThatComesBack(t *testing.T) {
	c := natstest.Start(t, 3)
	prefix := newPrefix()
	options := func(node string) nats.Options {
		return nats.Options{Prefix: prefix, Node: node, Local: memory.Open(0)}
	}
	away := options("b")
	put(t, away.Local, "a/1", content(1000))
	st := open(t, c, options("a"))
	defer st.Close()
	other := open(t, c, options("c"))
	defer other.Close()
	g := join(t, st)
	join(t, other)
	awaitAlive(t, g, 1)
	wantNotFound(t, st, "a/1")
	back := open(t, c, away)
	defer back.Close()
	join(t, back)
	awaitAlive(t, g, 2)
	wantObject(t, st, "a/1", content(1000))
}

// TestStats: what came from other nodes is counted by the way that it came.
func TestStats(t *testing.T) {
	c := natstest.Start(t, 1)
	for way, address := range map[string]string{"nats": "", "http": peerAddress(t)} {
		st := openNodes(t, c, nats.Options{Replicas: 1, PeerAddress: address}, nats.Options{Replicas: 1})
		put(t, st[0], "k", content(100_000))
		o, err := st[1].Open(context.Background(), "k")
		if err != nil {
			t.Fatal(err)
		}
		o.Close()
		s := st[1].Stats()
		if s.Fetched[way] != (nats.Fetched{Objects: 1, Bytes: 100_000}) || s.FetchesFailed != 0 {
			t.Errorf("by %s: %+v", way, s)
		}
		if len(s.Connections) != 3 || !s.Connections["facts a"] {
			t.Errorf("connections %v", s.Connections)
		}
	}
}
