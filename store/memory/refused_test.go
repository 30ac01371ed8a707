package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// scarce is a store of a process that may have no more than a few regions, as with ulimit -v.
func scarce(t *testing.T, regions int) *Store {
	t.Helper()
	st := Open(1 << 30)
	st.arena = newArena(1<<30, 64<<10)
	st.arena.ahead = st.arena.regionBlocks / 4
	given := 0
	st.arena.obtain = func(n int) ([]byte, error) {
		if given == regions {
			return nil, syscall.ENOMEM
		}
		given++
		return make([]byte, n), nil
	}
	st.arena.yield = func([]byte) { given-- }
	t.Cleanup(func() { st.Close() })
	return st
}

func put(st *Store, key string, size int) error {
	w, err := st.Create(context.Background(), key, int64(size))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.ReadFrom(bytes.NewReader(make([]byte, size))); err != nil {
		return err
	}
	return w.Commit()
}

// Where the system has less memory than the capacity, the store is full before an upload is lost, so
// that what can be spared makes room.
func TestASystemWithLittleMemoryIsAFullStore(t *testing.T) {
	const size = 8 << 10
	for _, regions := range []int{1, 2, 5} {
		st := scarce(t, regions)
		oldest := 0
		for n := range 200 {
			for oldest < n && st.Usage().Free < size+objectOverhead+16 {
				if scarce := st.Usage().Scarce; scarce != "memory" {
					t.Fatalf("%d regions: scarce is %q", regions, scarce)
				}
				if err := st.Delete(t.Context(), fmt.Sprint(oldest)); err != nil {
					t.Fatal(err)
				}
				oldest++
			}
			if err := put(st, fmt.Sprint(n), size); err != nil {
				t.Fatalf("%d regions, upload %d: %v; free %d", regions, n, err, st.Usage().Free)
			}
		}
		if oldest == 0 || regions > 2 && oldest > 190 {
			t.Errorf("%d regions: %d of 200 objects were given up", regions, oldest)
		}
	}
}

// The system may have more when the capacity is set again, as by a reload. What it refused does not count.
func TestASystemIsAskedAgain(t *testing.T) {
	st := scarce(t, 2)
	var err error
	used := int64(0)
	for n := 0; err == nil; n++ {
		used = st.Usage().Bytes
		err = put(st, fmt.Sprint(n), 8<<10)
	}
	if after := st.Usage().Bytes; after != used {
		t.Errorf("an upload that was refused makes %d bytes of %d", after, used)
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	st.arena.obtain = func(n int) ([]byte, error) { return make([]byte, n), nil }
	st.SetCapacity(1 << 30)
	if err := put(st, "more", 8<<10); err != nil || st.Usage().Scarce != "" {
		t.Fatal(err, st.Usage())
	}
}

// What had the memory may have given it back some time later: the store takes it then, with no reload.
func TestASystemThatRefusedIsAskedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := scarce(t, 3)
		oldest, n, asked := 0, 0, 0
		run := func(count int) {
			for range count {
				for oldest < n && st.Usage().Free < 8<<10+objectOverhead+16 {
					_ = st.Delete(t.Context(), fmt.Sprint(oldest))
					oldest++
				}
				if err := put(st, fmt.Sprint(n), 8<<10); err != nil {
					t.Fatal(err)
				}
				n++
				time.Sleep(2 * time.Second)
			}
		}
		run(100)
		refusing := st.arena.obtain
		st.arena.obtain = func(n int) ([]byte, error) {
			asked++
			return refusing(n)
		}
		run(900)
		if asked < 1 || asked > 3 || st.Usage().Scarce != "memory" {
			t.Errorf("in half an hour, the system is asked %d times: %+v", asked, st.Usage())
		}
		st.arena.obtain = func(n int) ([]byte, error) { return make([]byte, n), nil }
		run(400)
		if held := n - oldest; st.Usage().Scarce != "" || held < 100 {
			t.Errorf("%d objects are held: %+v", held, st.Usage())
		}
	})
}
