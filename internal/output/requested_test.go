package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestStartoverIsRenderedOnce(t *testing.T) {
	c := newRequested(maxRenderings)
	c.maximum = 10 * renderingOverhead
	var renderings atomic.Int32
	get := func(key string, number uint64, final bool) *Packed {
		text, err := c.get(context.Background(), key, number, final, func(*Packed) (*Packed, error) {
			renderings.Add(1)
			return &Packed{Held: len(key)}, nil
		})
		if err != nil {
			t.Error(err)
		}
		return text
	}
	expect := func(n int32) {
		t.Helper()
		if got := renderings.Swap(0); got != n {
			t.Errorf("%d renderings, not %d", got, n)
		}
	}
	var users sync.WaitGroup
	for range 50 {
		users.Go(func() { get("a", 1, false) })
	}
	users.Wait()
	expect(1)
	get("a", 2, false) // the next slot
	get("a", 2, false)
	get("a", 1, false) // a request that has an older view
	expect(1)
	get("b", 1, true)
	get("b", 9, true)
	expect(1)
	for i := range 100 {
		get(fmt.Sprint(i), 1, true)
		get("b", 1, true) // what is in use stays
	}
	expect(100)
	if c.bytes > c.maximum || len(c.byKey) != c.recent.Len() || len(c.byKey) > 10 {
		t.Errorf("%d bytes in %d playlists", c.bytes, len(c.byKey))
	}
	if _, err := c.get(context.Background(), "bad", 1, true, func(*Packed) (*Packed, error) { return nil, errors.New("no") }); err == nil {
		t.Error("no error")
	}
	get("bad", 1, true)
	expect(1)
}

// A playlist that nobody waits for any more is not rendered, and no more wait than can
// be made soon; those who want the same one don't count.
func TestStartoverThatIsGivenUpIsNotRendered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRequested(maxRenderings)
		c.turn <- struct{}{}
		var renderings atomic.Int32
		render := func(*Packed) (*Packed, error) { renderings.Add(1); return &Packed{}, nil }
		ctx, cancel := context.WithCancel(t.Context())
		var users sync.WaitGroup
		for i := range maxRenderings {
			users.Go(func() {
				if _, err := c.get(ctx, fmt.Sprint(i), 1, true, render); !errors.Is(err, context.Canceled) {
					t.Errorf("error is %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := c.get(t.Context(), "one more", 1, true, render); !errors.Is(err, ErrBusy) {
			t.Errorf("error is %v", err)
		}
		for range 500 {
			users.Go(func() {
				if _, err := c.get(t.Context(), "0", 1, true, render); err != nil {
					t.Errorf("error is %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		<-c.turn
		users.Wait()
		if n := renderings.Load(); n != 1 || c.waiting != 0 {
			t.Errorf("%d renderings, %d wait", n, c.waiting)
		}
	})
}

// One playlist is unpacked at a time, and nobody waits for a client that does not read.
func TestUnpackingWaitsForNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
		p := Pack(body, 0)
		p.unpacking = make(chan struct{}, 1)
		stalled, client := io.Pipe()
		ended := make(chan error)
		go func() {
			_, err := p.WriteTo(client)
			ended <- err
		}()
		synctest.Wait()
		var got bytes.Buffer
		if n, err := p.WriteTo(&got); err != nil || n != int64(len(body)) || !bytes.Equal(got.Bytes(), body) {
			t.Errorf("%d bytes of %d, %v", n, len(body), err)
		}
		stalled.Close()
		if err := <-ended; err == nil {
			t.Error("the other client got all of it")
		}
		p.parts[0] = p.parts[0][:len(p.parts[0])/2]
		if _, err := p.WriteTo(io.Discard); err == nil {
			t.Error("half of it is taken for the whole")
		}
	})
}
