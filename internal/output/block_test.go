package output

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// atOnce is the playlist of a stretch, rendered from its slots in one go.
func atOnce(t *testing.T, v *View, p playlist, slots []*Slot, closed bool) []byte {
	t.Helper()
	end := closed || v.ended
	if n := unmapped(slots, p.id); n > 0 {
		slots, end = slots[:n], true
	}
	top := hls.MediaPlaylist{EndList: end, PlaylistType: hls.Event, Tags: growing}
	if closed {
		top.PlaylistType, top.Tags = hls.VOD, nil
	}
	return whole(t, v, p, slots, top, v.runningAtOnce(slots[0]))
}

// unmapped is the index of the first slot that has media without an initialization section
// after media that has one, -1 if there is none.
func unmapped(list []*Slot, id string) int {
	mapped := false
	return slices.IndexFunc(list, func(s *Slot) bool {
		r := s.Rendition(id)
		if r == nil || len(r.Parts) == 0 {
			return false
		}
		before := mapped
		mapped = r.Map != nil
		return before && !mapped
	})
}

// runningAtOnce follows all date ranges from the first slot.
func (v *View) runningAtOnce(head *Slot) []string {
	var running []*dateRange
	for _, s := range v.slots[:head.MSN-v.slots[0].MSN] {
		running = runningAfter(running, s)
	}
	return linesAt(running, head)
}

// eventful publishes slots in which everything that a playlist can say happens.
func eventful(t *testing.T, seed uint64, slots int) *timeline {
	l := newTimeline(t, 336*time.Hour, "v.m3u8", "low.m3u8")
	l.w.config.IFramePlaylist = true
	l.live(seed, slots, func() {})
	return l
}

// live publishes such slots, and calls back after each of them.
func (l *timeline) live(seed uint64, slots int, published func()) {
	random := rand.New(rand.NewPCG(seed, 0))
	m, silent := testMaterial{init: "one"}, 0
	for i := range slots {
		m.discontinuity, m.passed, m.gap, m.tags, m.without = false, 0, silent > 0, nil, ""
		silent--
		m.iframes = random.IntN(3)
		if i < 20 {
			m.without = "low.m3u8"
		}
		switch random.IntN(120) {
		case 0:
			m.discontinuity, m.passed = true, uint64(random.IntN(3))
		case 1:
			m.discontinuity, m.init = true, fmt.Sprint("init", random.IntN(3))
		case 2:
			silent = random.IntN(3 * blockSlots / 2)
		case 3:
			m.tags = []string{"#EXT-X-CUE-OUT:30"}
		case 4, 5, 6:
			start := l.at.Time().Format(time.RFC3339)
			m.tags = []string{fmt.Sprintf(`#EXT-X-DATERANGE:ID="%d",START-DATE="%s",DURATION=%d`, random.IntN(100), start, random.IntN(2000))}
		case 7:
			m.without = "low.m3u8" // its I-frame playlist is over
		case 8:
			if seed%2 == 1 && i > slots/2 {
				m.discontinuity, m.init = true, "" // transport streams from here on
			}
		}
		l.publish(m)
		published()
	}
}

// However a playlist is put together, it is the text that one rendering gives: one gzip
// stream of a single member, with the same ETag whatever had been made before.
func TestBlocksGiveTheTextOfOneRendering(t *testing.T) {
	for seed := range uint64(4) {
		l := eventful(t, seed, 4*blockSlots+100)
		v := l.view()
		random := rand.New(rand.NewPCG(seed, 1))
		playlists := []playlist{
			{id: RenditionID("v.m3u8")}, {id: RenditionID("v.m3u8"), iframes: true},
			{id: RenditionID("low.m3u8")}, {id: RenditionID("low.m3u8"), iframes: true},
		}
		for range 20 {
			from := random.IntN(len(v.slots))
			if random.IntN(4) == 0 { // at the beginning of a block
				from = max(0, from-int(v.slots[from].MSN%blockSlots))
			}
			to, closed := len(v.slots), random.IntN(2) == 0
			if closed {
				to = from + 1 + random.IntN(len(v.slots)-from)
			}
			for _, p := range playlists {
				want := atOnce(t, v, p, v.slots[from:to], closed)
				kind := hls.Event
				if closed {
					kind = hls.VOD
				}
				made, err := v.compose(p, v.slots[from:to], kind, nil)
				if want == nil {
					if !errors.Is(err, ErrOutside) {
						t.Errorf("without I-frames: %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := plain(t, made); !bytes.Equal(got, want) {
					t.Fatalf("seed %d, %v, slots %d to %d: got\n%s\nwant\n%s", seed, p, from, to, got, want)
				}
				isOneMember(t, made, want)
				again := *v
				again.shelf = newShelf()
				other, err := again.compose(p, v.slots[from:to], kind, made)
				if err != nil || other.ETag != made.ETag || !bytes.Equal(packedBytes(t, other), packedBytes(t, made)) {
					t.Errorf("another node has other bytes: %v", err)
				}
			}
		}
		l.w.Rest()
	}
}

func packedBytes(t *testing.T, p *Packed) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteGzip(&b); err != nil || b.Len() != p.GzipSize {
		t.Fatalf("%d bytes of %d, %v", b.Len(), p.GzipSize, err)
	}
	return b.Bytes()
}

// isOneMember makes sure that the text is all in the first member, and that nothing follows.
func isOneMember(t *testing.T, p *Packed, want []byte) {
	t.Helper()
	packed := bytes.NewReader(packedBytes(t, p))
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the first member has %d bytes of %d, %v", len(got), len(want), err)
	}
	if packed.Len() != 0 {
		t.Errorf("%d bytes follow the first member", packed.Len())
	}
}

// A playlist that grows says what it said before, and more.
func TestBlocksGrow(t *testing.T) {
	l := newTimeline(t, time.Hour, "v.m3u8")
	l.w.Rest()
	l.publish(testMaterial{init: "one"})
	p := playlist{id: RenditionID("v.m3u8")}
	var before *Packed
	var text []byte
	for range blockSlots + 50 {
		l.publish(testMaterial{init: "one"})
		v := l.view()
		next, err := v.compose(p, v.slots, hls.Event, before)
		if err != nil {
			t.Fatal(err)
		}
		grown := plain(t, next)
		if !bytes.HasPrefix(grown, text) || !bytes.Equal(grown, atOnce(t, v, p, v.slots, false)) {
			t.Fatalf("got\n%s\nafter\n%s", grown, text)
		}
		if before != nil && next.ETag == before.ETag {
			t.Fatal("the ETag stays the same")
		}
		before, text = next, grown
	}
}

// Blocks stay as long as their slots, and no longer; those of slots that were replaced are
// not used any more, whatever their numbers.
func TestBlocksGoWithTheirSlots(t *testing.T) {
	l := newTimeline(t, time.Duration(3*blockSlots*slotSeconds)*time.Second, "v.m3u8")
	l.w.config.PlaylistWindow = 6 * time.Second
	p := playlist{id: RenditionID("v.m3u8")}
	for range 6 * blockSlots {
		for i := range l.w.left {
			l.w.left[i] = l.w.left[i].Add(-time.Hour)
		}
		l.publish(testMaterial{init: "one"})
		l.settle(t)
	}
	shelf := l.w.shelf
	if n := len(shelf.blocks); n < 2 || n > 4 {
		t.Errorf("%d blocks for the slots of three", n)
	}
	v := l.view()
	if _, err := v.compose(p, v.slots, hls.Event, nil); err != nil {
		t.Fatal(err)
	}
	if len(shelf.tails) != 1 {
		t.Errorf("%d tails", len(shelf.tails))
	}
	// Another node's history has other slots with the same numbers.
	l.w.Forget(len(l.w.slots))
	l.msn = v.slots[0].MSN
	for range len(v.slots) {
		l.publish(testMaterial{init: "two"})
	}
	v = l.view()
	made, err := v.compose(p, v.slots, hls.Event, nil)
	if err != nil || !bytes.Equal(plain(t, made), atOnce(t, v, p, v.slots, false)) {
		t.Errorf("blocks of other slots are served: %v", err)
	}
	l.settle(t)
	sum := 0
	for _, b := range shelf.blocks {
		if !v.holds(b.first) {
			t.Error("a block of a slot that is gone stays")
		}
		sum += b.weight()
	}
	for _, b := range shelf.tails {
		sum += b.weight()
	}
	if sum != shelf.bytes {
		t.Errorf("%d bytes are counted, and %d are there", shelf.bytes, sum)
	}
	l.w.Close()
	if shelf.bytes != 0 || len(shelf.blocks) != 0 {
		t.Errorf("%d bytes are left", shelf.bytes)
	}
}

// settle waits until no block is being made.
func (l *timeline) settle(t testing.TB) {
	t.Helper()
	shelf := l.w.shelf
	for range 20_000 {
		shelf.mu.Lock()
		filling := shelf.filling
		shelf.mu.Unlock()
		if !filling {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("blocks are still being made")
}

// Where there is no room for blocks, playlists are made all the same, and hold their own.
func TestBlocksAreBounded(t *testing.T) {
	l := newTimeline(t, 336*time.Hour, "v.m3u8")
	l.w.shelf.maximum = 3000
	for range 5 * blockSlots {
		l.publish(testMaterial{init: "one"})
	}
	l.settle(t)
	v, shelf := l.view(), l.w.shelf
	p := playlist{id: RenditionID("v.m3u8")}
	made, err := v.compose(p, v.slots, hls.Event, nil)
	if err != nil || !bytes.Equal(plain(t, made), atOnce(t, v, p, v.slots, false)) {
		t.Fatal(err)
	}
	if shelf.bytes > shelf.maximum {
		t.Errorf("%d bytes", shelf.bytes)
	}
	if made.Held < made.GzipSize/2 {
		t.Errorf("%d of %d bytes are its own", made.Held, made.GzipSize)
	}
	shelf.maximum = maxBlockBytes
	for range 2 {
		if made, err = v.compose(p, v.slots, hls.Event, nil); err != nil {
			t.Fatal(err)
		}
	}
	if made.Held > made.GzipSize*3/4 {
		t.Errorf("%d of %d bytes are its own, although there is room for blocks", made.Held, made.GzipSize)
	}
}

// A playlist that is to replace another one counts with what it takes over, until it is there.
func TestWhatIsReplacedCounts(t *testing.T) {
	l := newTimeline(t, time.Hour, "v.m3u8")
	name := RenditionID("v.m3u8") + ".m3u8"
	for range 3 * blockSlots {
		l.publish(testMaterial{init: "one"})
	}
	l.settle(t)
	query := l.query(5)
	for range 3 {
		if _, err := l.view().Startover(t.Context(), name, query); err != nil {
			t.Fatal(err)
		}
		l.publish(testMaterial{init: "one"})
	}
	cache := l.w.startover
	r := cache.recent.Front().Value.(*rendering)
	if cache.bytes != r.size || r.size != renderingOverhead+r.text.Held {
		t.Errorf("%d bytes are counted, for a playlist of %d", cache.bytes, r.text.Held)
	}
	v := l.view()
	waiting := cache.rendering(r.key, v.number, false)
	if waiting.before != r.text || cache.bytes != r.size {
		t.Errorf("%d bytes are counted, while %d are held", cache.bytes, r.size)
	}
	if _, err := v.Startover(t.Context(), name, query); err != nil || waiting.before != nil || cache.bytes != waiting.size {
		t.Errorf("%d bytes are counted, not %d: %v", cache.bytes, waiting.size, err)
	}
}

// After a restart, what viewers may ask for is made before they do.
func TestBlocksAreMadeAhead(t *testing.T) {
	l := newTimeline(t, 336*time.Hour, "v.m3u8", "audio/en.m3u8")
	l.w.config.IFramePlaylist = true
	for range 4*blockSlots + 10 {
		l.publish(testMaterial{init: "one", iframes: 2})
	}
	l.settle(t)
	v, shelf := l.view(), l.w.shelf
	// Two media playlists and an I-frame playlist, with three blocks each between the edges
	// of the window; audio has I-frames here, too.
	whole := int(v.slots[len(v.slots)-1].block() - v.slots[0].block() - 1)
	if n := len(shelf.blocks); n != 4*whole {
		t.Errorf("%d blocks, not %d", n, 4*whole)
	}
	before := len(shelf.blocks)
	for _, name := range []string{".m3u8", "-iframes.m3u8"} {
		text, err := v.Startover(context.Background(), RenditionID("v.m3u8")+name, fmt.Sprintf("first=%d", v.slots[5].MSN))
		if err != nil {
			t.Fatal(err)
		}
		if text.Held > text.GzipSize {
			t.Errorf("%d of %d bytes are its own", text.Held, text.GzipSize)
		}
	}
	for at, b := range shelf.blocks {
		if b.first.MSN != at.number*blockSlots {
			t.Errorf("block %d begins with %d", at.number, b.first.MSN)
		}
	}
	if len(shelf.blocks) != before {
		t.Error("blocks had to be made again")
	}
}
