package memory

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

// TestArenaGivesNoBlockTwice compares the arena with a plain map of owners.
func TestArenaGivesNoBlockTwice(t *testing.T) {
	const blocks = 3 * 256
	a := newArena(blocks*blockSize, 256*blockSize)
	defer a.unmap()
	type block struct {
		r *region
		i int
	}
	taken := map[block]bool{}
	var held []extent
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		if free := blocks - len(taken); free > 0 && r.IntN(2) == 0 {
			want := 1 + r.IntN(min(free, 1+r.IntN(300)))
			e, err := a.alloc(want)
			if err != nil || e.blocks < 1 || e.blocks > want {
				t.Fatalf("%d free, want %d: got %d, %v", free, want, e.blocks, err)
			}
			for i := range e.blocks {
				b := block{e.region, e.start + i}
				if taken[b] {
					t.Fatalf("block %d is given out twice", b.i)
				}
				taken[b] = true
			}
			held = append(held, e)
			continue
		}
		if len(held) == 0 {
			continue
		}
		i := r.IntN(len(held))
		e := held[i]
		held = append(held[:i], held[i+1:]...)
		// Part of it first, as trim does.
		cut := r.IntN(e.blocks)
		if cut > 0 {
			a.release(extent{e.region, e.start + e.blocks - cut, cut})
		}
		a.release(extent{e.region, e.start, e.blocks - cut})
		for i := range e.blocks {
			delete(taken, block{e.region, e.start + i})
		}
		free := 0
		for _, r := range a.regions {
			free += r.free
		}
		if want := len(a.regions)*256 - len(taken); free != want {
			t.Fatalf("%d blocks are free, want %d", free, want)
		}
	}
}

func TestArenaReturnsEmptyRegions(t *testing.T) {
	a := newArena(0, 64*blockSize)
	defer a.unmap()
	var held []extent
	for range 10 {
		e, err := a.alloc(64)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, e)
	}
	if len(a.regions) != 10 {
		t.Fatalf("%d regions, want 10", len(a.regions))
	}
	a.release(held...)
	if len(a.regions) != 1 {
		t.Fatalf("%d regions are kept, want 1", len(a.regions))
	}
}

// TestRecycledBytes puts the rule of object to the test where it is hardest: two
// regions of 32 KiB on the heap, where the race detector sees every access, and
// blocks that are taken again at once.
func TestRecycledBytes(t *testing.T) {
	st := Open(64 << 10)
	st.arena = newArena(64<<10, 32<<10)
	st.arena.obtain = func(n int) ([]byte, error) { return make([]byte, n), nil }
	st.arena.yield = func([]byte) {}
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 300 {
				key := fmt.Sprintf("%d/%d", worker, i)
				want := bytes.Repeat([]byte{byte(worker*64 + i%64)}, 3_000+i)
				w, err := st.Create(ctx, key, -1)
				if err != nil {
					continue // full
				}
				_, err = w.ReadFrom(bytes.NewReader(want))
				if err == nil {
					err = w.Commit()
				}
				w.Abort()
				if err != nil {
					continue
				}
				o, err := st.Open(ctx, key)
				if err != nil {
					t.Error(err)
					return
				}
				var readers sync.WaitGroup
				readers.Go(func() { st.Delete(ctx, key) })
				for range 2 {
					readers.Go(func() {
						var buf bytes.Buffer
						if _, err := o.WriteTo(&buf); err == nil && !bytes.Equal(buf.Bytes(), want) {
							t.Error("a reader saw the bytes of another object")
						}
						o.Close() // while the other one may be reading
					})
				}
				readers.Wait()
			}
		})
	}
	wg.Wait()
	if u := st.Usage(); u != (store.Usage{Capacity: 64 << 10, Free: 64 << 10}) {
		t.Fatalf("usage at the end: %+v", u)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSmallObjectsAreCounted checks that objectOverhead is no less than what the
// heap really holds.
func TestSmallObjectsAreCounted(t *testing.T) {
	st := Open(0)
	defer st.Close()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	const n, size = 100_000, 200
	b := make([]byte, size)
	for i := range n {
		w, err := st.Create(context.Background(), fmt.Sprintf("sports/a/subtitles/segment-%d.vtt", i), size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	onHeap := heap() - before
	blocks := int64(n * blockSize)
	counted := st.Usage().Bytes
	t.Logf("per object: %d on the heap, %d in the arena, %d counted", onHeap/n, blocks/n, counted/n)
	if onHeap+blocks > counted {
		t.Errorf("%d bytes are held and %d are counted", onHeap+blocks, counted)
	}
}

// BenchmarkArena is what uploads of about 64 KiB ask of the arena: of two inputs one
// is published and held for a window, 0.6 GiB in all, the other one goes soon.
func BenchmarkArena(b *testing.B) {
	a := newArena(0, regionSize)
	defer a.unmap()
	rng := rand.New(rand.NewPCG(1, 2))
	put := func() (object []extent) {
		for want := 100 + rng.IntN(60); want > 0; {
			e, err := a.alloc(want)
			if err != nil {
				b.Fatal(err)
			}
			want -= e.blocks
			object = append(object, e)
		}
		return object
	}
	published, spare := make([][]extent, 10_000), make([][]extent, 32)
	replace := func(i int) {
		for _, held := range [][][]extent{published, spare} {
			at := i % len(held)
			a.release(held[at]...)
			held[at] = put()
		}
	}
	for i := range 3 * len(published) {
		replace(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		replace(i)
	}
	b.ReportMetric(float64(len(a.regions)), "regions")
}
