package memory

import (
	"cmp"
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// blockSize is the unit of allocation in bytes: half of it is lost per
	// object on average, and a region's bitmap costs 1/4096 of the region.
	blockSize = 512
	// regionSize is how much address space is mapped at a time. Pages count for
	// the process only once they were written to.
	regionSize = 64 << 20
	// fragment is the shortest run of blocks that a longer request is split into as long as
	// another region may be mapped instead.
	fragment = 32
)

// arena hands out runs of blocks, as a file system does: an object is a list of
// extents. Lowest address first keeps what was touched before in use, and lets
// upper regions run empty so that they can go back to the system.
//
// The bytes lie outside the garbage-collected heap where the platform allows
// it. On the heap, a window of 1 GiB would let another 1 GiB of garbage from
// elsewhere pile up before each collection.
type arena struct {
	mu           sync.Mutex
	regions      []*region
	regionBlocks int // blocks per region, a multiple of 64
	maxRegions   int // 0: no limit
	free         int // blocks of all regions
	// ahead is how few free blocks make it map another region before that is needed: what the
	// system refuses is known then while there is still room for what is under way.
	ahead int
	// refused is how many regions there were when the system refused another one, 0 for never.
	refused int
	asked   time.Time // when the system was last asked for one, if it refused
	// ceiling is how many bytes may be used since then, 0 for no limit.
	ceiling atomic.Int64

	obtain func(n int) ([]byte, error)
	yield  func(b []byte)
}

// errNoBlock: the caller did not reserve, or the arena is unmapped.
var errNoBlock = errors.New("no free block")

// extent is a run of blocks of one region.
type extent struct {
	region        *region
	start, blocks int
}

func (e extent) size() int { return e.blocks * blockSize }

func (e extent) bytes() []byte {
	from, to := e.start*blockSize, (e.start+e.blocks)*blockSize
	return e.region.bytes[from:to:to]
}

// newArena sizes the regions for a capacity in bytes, 0 meaning no limit.
func newArena(capacity int64, size int64) *arena {
	a := &arena{obtain: mapBytes, yield: unmapBytes}
	if capacity > 0 {
		capacity = roundUp(capacity, 64*blockSize)
		size = min(size, capacity)
	}
	a.regionBlocks = int(size / blockSize)
	if size == regionSize {
		a.ahead = a.regionBlocks / 4
	}
	a.limit(capacity)
	return a
}

// limit sets how many regions a capacity in bytes allows, 0 meaning no limit. What the system refused
// may be asked for again.
func (a *arena) limit(capacity int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := int64(a.regionBlocks) * blockSize
	switch {
	case a.maxRegions < 0: // unmapped
	case capacity > 0:
		a.maxRegions = int(roundUp(roundUp(capacity, 64*blockSize), size) / size)
	default:
		a.maxRegions = 0
	}
	a.refused = 0
	a.ceiling.Store(0)
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// alloc returns a run of 1 to want blocks: all of them if there is such a run,
// else the longest one. With a capacity, the caller reserves before it
// allocates, so there always is a free block.
func (a *arena) alloc(want int) (extent, error) {
	want = min(want, a.regionBlocks)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.askAgain()
	var grown error
	for {
		r := a.roomiest(want)
		if r == nil || r.longest < min(want, fragment) {
			if grown == nil && a.mayGrow() {
				grown = a.grow()
				continue
			}
			if r == nil {
				return extent{}, cmp.Or(grown, errNoBlock)
			}
		}
		n := min(want, r.longest)
		start, found := r.find(n)
		if found < n {
			r.longest = found // the bound was too high, now it is exact
			continue
		}
		r.take(start, n)
		a.free -= n
		if a.free < a.ahead && a.mayGrow() {
			_ = a.grow() // there is room for now
		}
		return extent{r, start, n}, nil
	}
}

// roomiest returns the first region that may have a run of want blocks, else the
// one with the longest run, nil if all are full.
func (a *arena) roomiest(want int) *region {
	var best *region
	for _, r := range a.regions {
		if r.longest >= want {
			return r
		}
		if r.longest > 0 && (best == nil || r.longest > best.longest) {
			best = r
		}
	}
	return best
}

func (a *arena) mayGrow() bool {
	return (a.maxRegions == 0 || len(a.regions) < a.maxRegions) && (a.refused == 0 || len(a.regions) < a.refused)
}

func (a *arena) grow() error {
	b, err := a.obtain(a.regionBlocks * blockSize)
	if err != nil {
		a.refuse()
		return err
	}
	a.free += a.regionBlocks
	a.regions = append(a.regions, &region{
		bytes:   b,
		used:    make([]uint64, a.regionBlocks/64),
		free:    a.regionBlocks,
		longest: a.regionBlocks,
	})
	return nil
}

// refuse notes that the system has no memory for another region. What there is has to do from now on,
// but for one region, as the rest of the process needs memory, too.
func (a *arena) refuse() {
	a.refused, a.asked = len(a.regions), time.Now()
	if a.refused > 0 {
		a.ceiling.Store(int64(max(a.refused-1, 1)) * int64(a.regionBlocks) * blockSize)
	}
}

// askInterval is how long a refusal holds.
const askInterval = 10 * time.Minute

// askAgain asks the system for another region when it has refused one long ago, and all that there are
// are in use: what had the memory then may have gone. If it has some, the capacity holds again.
func (a *arena) askAgain() {
	if a.refused == 0 || len(a.regions) < a.refused || time.Since(a.asked) < askInterval {
		return
	}
	if a.grow() == nil {
		a.refused = 0
		a.ceiling.Store(0)
	}
}

// release gives extents back. One empty region is kept, so that a store at the
// edge of a region does not map and unmap all the time.
func (a *arena) release(extents ...extent) {
	var empty []*region
	a.mu.Lock()
	for _, e := range extents {
		e.region.give(e.start, e.blocks)
		a.free += e.blocks
		if e.region.free == a.regionBlocks {
			empty = append(empty, a.dropSpare()...)
		}
	}
	a.mu.Unlock()
	for _, r := range empty {
		a.yield(r.bytes)
	}
}

// dropSpare takes all empty regions but the first out of the arena.
func (a *arena) dropSpare() (dropped []*region) {
	spare := false
	kept := a.regions[:0]
	for _, r := range a.regions {
		if r.free == a.regionBlocks {
			if spare {
				dropped = append(dropped, r)
				a.free -= a.regionBlocks
				continue
			}
			spare = true
		}
		kept = append(kept, r)
	}
	clear(a.regions[len(kept):])
	a.regions = kept
	return dropped
}

// unmap frees everything; no extent may be in use.
func (a *arena) unmap() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.regions {
		a.yield(r.bytes)
	}
	a.regions, a.free = nil, 0
	a.maxRegions = -1
}

// region is one mapping and the map of its blocks.
type region struct {
	bytes []byte
	used  []uint64 // one bit per block
	free  int      // blocks
	// longest is an upper bound of the longest free run.
	longest int
	// low: there is no free block in the words below this one.
	low int
}

// find returns the first run of want free blocks, or the longest run if there is
// none.
func (r *region) find(want int) (start, length int) {
	end := len(r.used) * 64
	from := r.next(r.low*64, end, ^uint64(0))
	r.low = from / 64
	for from < end {
		to := r.next(from, min(from+want, end), 0)
		if to-from >= want {
			return from, want
		}
		if to-from > length {
			start, length = from, to-from
		}
		from = r.next(to, end, ^uint64(0))
	}
	return start, length
}

// next returns the first block in [from, end) that is in use, or, with all bits
// of flip set, that is free; end if there is none.
func (r *region) next(from, end int, flip uint64) int {
	for from < end {
		if w := (r.used[from/64] ^ flip) >> (from % 64); w != 0 {
			return min(from+bits.TrailingZeros64(w), end)
		}
		from = from/64*64 + 64
	}
	return end
}

func (r *region) take(start, n int) {
	r.free -= n
	r.longest = min(r.longest, r.free)
	r.mark(start, n, func(w *uint64, mask uint64) { *w |= mask })
}

func (r *region) give(start, n int) {
	r.free += n
	r.low = min(r.low, start/64)
	r.mark(start, n, func(w *uint64, mask uint64) { *w &^= mask })
	// The run joins those on either side. It is measured, as a bound that is too high costs
	// a futile search of the whole region, but not where the region is practically empty.
	far := min(start+n+measured, len(r.used)*64)
	if to := r.next(start+n, far, 0); to < far {
		r.longest = max(r.longest, to-r.begin(start))
		return
	}
	r.longest = min(r.free, 2*r.longest+n)
}

// measured is how many blocks after a released run are looked at.
const measured = 64 * 64

// begin returns the start of the free run that ends before the block.
func (r *region) begin(block int) int {
	for block > 0 {
		at := block - 1
		if w := r.used[at/64] << (63 - at%64); w != 0 {
			return block - bits.LeadingZeros64(w)
		}
		block = at / 64 * 64
	}
	return 0
}

// mark calls set for each word that holds blocks of the run.
func (r *region) mark(start, n int, set func(w *uint64, mask uint64)) {
	for n > 0 {
		shift := start % 64
		count := min(64-shift, n)
		set(&r.used[start/64], ^uint64(0)>>(64-count)<<shift)
		start += count
		n -= count
	}
}
