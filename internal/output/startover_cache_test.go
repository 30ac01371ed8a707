package output

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestStartoverIsRenderedOnce(t *testing.T) {
	c := newStartoverCache()
	c.maximum = 10 * renderingOverhead
	var renderings atomic.Int32
	get := func(key string, number uint64, final bool) *Text {
		text, err := c.get(key, number, final, func() (*Text, error) {
			renderings.Add(1)
			return &Text{Body: []byte(key)}, nil
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
	if _, err := c.get("bad", 1, true, func() (*Text, error) { return nil, errors.New("no") }); err == nil {
		t.Error("no error")
	}
	get("bad", 1, true)
	expect(1)
}
