package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// wholeLive is the live playlist of a view, rendered from its slots in one go; nil if there is none.
func wholeLive(t *testing.T, v *View, p playlist) []byte {
	t.Helper()
	list := v.liveSlots(p)
	return whole(t, v, p, list, hls.MediaPlaylist{EndList: v.ended}, runningAt(v.dated, list[0]))
}

// served is the live playlist of this name as viewers get it, nil if there is none.
func served(t *testing.T, v *View, name string) []byte {
	t.Helper()
	if text := v.Playlist(name); text != nil {
		return text.Body
	}
	text, err := v.LongPlaylist(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if text == nil {
		return nil
	}
	return plain(t, text)
}

// compareLive compares all live playlists with what one rendering gives.
func compareLive(t *testing.T, v *View, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for _, iframes := range []bool{false, true} {
			p := playlist{id: RenditionID(path), iframes: iframes}
			if v.slots[len(v.slots)-1].Rendition(p.id) == nil {
				if v.lists(p.name()) {
					t.Fatalf("%v is listed, but the newest slot does not have it", p)
				}
				continue
			}
			if got, want := served(t, v, p.name()), wholeLive(t, v, p); !bytes.Equal(got, want) {
				t.Fatalf("%v, %d slots: got\n%s\nwant\n%s", p, v.listed, got, want)
			}
		}
	}
}

// However much of a live playlist was in the one before it, and however it is made, it is the
// text that one rendering gives.
func TestLivePlaylistsAreTheTextOfOneRendering(t *testing.T) {
	for _, listed := range []int{3, 10, 40, 700} {
		t.Run(fmt.Sprint(listed), func(t *testing.T) {
			for seed := range uint64(4) {
				l := newTimeline(t, 0, "v.m3u8", "low.m3u8")
				l.w.config.IFramePlaylist = true
				l.w.config.PlaylistWindow = time.Duration(listed) * slotSeconds * time.Second
				random := rand.New(rand.NewPCG(seed, uint64(listed)))
				l.live(seed, 1500, func() {
					if random.IntN(max(1, listed/10)) == 0 {
						compareLive(t, l.view(), l.renditions...)
					}
				})
				if l.view().listed != listed {
					t.Fatalf("%d slots are listed", l.view().listed)
				}
				l.w.End()
				render(l.w, nil)
				compareLive(t, l.view(), l.renditions...)
				l.w.Rest()
			}
		})
	}
}

// A live playlist has been made when viewers ask for it; one of many slots is made then, and once for
// all of them. It never has to wait for those of the past.
func TestLivePlaylistOfManySlots(t *testing.T) {
	l := newTimeline(t, 10*time.Hour, "v.m3u8")
	l.w.config.PlaylistWindow = time.Hour
	name := RenditionID("v.m3u8") + ".m3u8"
	for range mostRendered {
		l.publish(testMaterial{})
	}
	if v := l.view(); v.Playlist(name) == nil || v.Soon(name) {
		t.Fatalf("%d slots: not there", v.listed)
	}
	l.publish(testMaterial{})
	v := l.view()
	if v.Playlist(name) != nil || v.Soon(name) {
		t.Fatalf("%d slots: made without being asked for", v.listed)
	}
	v.startover.turn <- struct{}{} // somebody renders one of the past, and as many as may wait
	v.startover.waiting = v.startover.most
	first, err := v.LongPlaylist(t.Context(), name)
	if err != nil || first == nil {
		t.Fatal(err)
	}
	again, err := v.LongPlaylist(t.Context(), name)
	if err != nil || again != first {
		t.Errorf("made once more: %v", err)
	}
	if first.MaxAge != halfTarget(v.target) || first.ETag == "" {
		t.Errorf("%v, ETag %s", first.MaxAge, first.ETag)
	}
	render(l.w, nil) // without another slot
	same, err := l.view().LongPlaylist(t.Context(), name)
	if err != nil || same.ETag != first.ETag {
		t.Errorf("the same text has ETag %s and %s: %v", first.ETag, same.ETag, err)
	}
	if other, err := v.LongPlaylist(t.Context(), "other.m3u8"); other != nil || err != nil {
		t.Errorf("one that there is not: %v, %v", other, err)
	}
	l.publish(testMaterial{})
	v = l.view()
	v.live.waiting = 10 * maxRenderings // other renditions
	if _, err := v.LongPlaylist(t.Context(), name); err != nil {
		t.Errorf("with many renditions: %v", err)
	}
	outage := *v
	outage.staleAt = time.Now().Add(-time.Second)
	if text, err := outage.LongPlaylist(t.Context(), name); text != nil || err != nil || !errors.Is(outage.Withheld(name), ErrNoMore) {
		t.Errorf("in an outage: %v, %v", text, err)
	}
	l.w.config.PlaylistWindow = time.Minute
	l.publish(testMaterial{})
	if v := l.view(); v.Playlist(name) == nil || v.live != nil {
		t.Errorf("a shorter window: not made, or room is kept for what is not made")
	}
}

// Where others take the place of slots, playlists list those, and until they are there, nothing.
func TestOtherSlotsOfTheSameNumbers(t *testing.T) {
	for _, listed := range []int{10, mostRendered + 10} {
		l := newTimeline(t, 0, "v.m3u8")
		l.w.config.PlaylistWindow = time.Duration(listed) * slotSeconds * time.Second
		number, at := l.msn, l.at
		for _, input := range []string{"a", "b"} {
			l.msn, l.at = number, at
			for range listed {
				l.add(testMaterial{input: input, init: "one", tags: []string{"#EXT-X-CUE-OUT:" + input}})
			}
			render(l.w, nil)
			compareLive(t, l.view(), "v.m3u8")
			l.w.Forget(len(l.w.slots))
			l.w.Show(l.w.Latest())
			if text, err := l.view().LongPlaylist(t.Context(), RenditionID("v.m3u8")+".m3u8"); text != nil || err != nil {
				t.Errorf("%d, without slots: %v, %v", listed, text, err)
			}
		}
	}
}

// A playlist that can't be rendered stays as it was, and goes on when it can.
func TestAPlaylistThatCantBeRendered(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	var reported error
	l.w.report = func(err error) { reported = err }
	l.publish(testMaterial{})
	name := RenditionID("v.m3u8") + ".m3u8"
	before := l.view().Playlist(name)
	l.publish(testMaterial{tags: []string{"not a tag"}})
	if l.view().Playlist(name) != before || reported == nil {
		t.Errorf("got\n%s\nreported: %v", l.view().Playlist(name).Body, reported)
	}
	for range 20 {
		l.publish(testMaterial{})
	}
	compareLive(t, l.view(), "v.m3u8")
}

// What is kept of playlists goes with them.
func TestLinesOfRenditionsThatAreGone(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8", "")
	for i := range 100 {
		l.renditions[1] = fmt.Sprint("audio", i, ".m3u8")
		l.publish(testMaterial{})
	}
	if n := len(l.w.entries); n != 2 {
		t.Errorf("lines of %d playlists", n)
	}
}

// A slot costs the same however many are listed.
func TestCostOfASlotInALongPlaylist(t *testing.T) {
	cost := func(listed int) float64 {
		l := newTimeline(t, 0, "v.m3u8", "audio/en.m3u8", "audio/de.m3u8")
		l.w.config.PlaylistWindow = time.Duration(listed) * slotSeconds * time.Second
		for range listed + 2 {
			l.publish(testMaterial{init: "one"})
		}
		return testing.AllocsPerRun(20, func() { l.publish(testMaterial{init: "one"}) })
	}
	few := cost(10)
	for _, listed := range []int{mostRendered, 2000} {
		if many := cost(listed); many > few+10 {
			t.Errorf("%.0f allocations with %d slots, %.0f with 10", many, listed, few)
		}
	}
}

// What a slot of three renditions costs, by how many are listed.
func BenchmarkLive(b *testing.B) {
	for _, listed := range []int{30, mostRendered, 7200} {
		b.Run(fmt.Sprintf("%d listed", listed), func(b *testing.B) {
			l := newTimeline(b, 0, "v.m3u8", "audio/en.m3u8", "audio/de.m3u8")
			l.w.config.PlaylistWindow = time.Duration(listed) * slotSeconds * time.Second
			for range listed + 2 {
				l.publish(testMaterial{init: "one"})
			}
			b.ReportAllocs()
			for b.Loop() {
				l.publish(testMaterial{init: "one"})
			}
		})
	}
}

// What the first viewer of each slot waits for.
func BenchmarkLongPlaylist(b *testing.B) {
	for _, listed := range []int{1800, 7200, daySlots} {
		b.Run(fmt.Sprintf("%d listed", listed), func(b *testing.B) {
			l := newTimeline(b, 0, "v.m3u8", "audio/en.m3u8", "audio/de.m3u8")
			l.w.config.PlaylistWindow = time.Duration(listed) * slotSeconds * time.Second
			for range listed + 2 {
				l.publish(testMaterial{init: "one"})
			}
			l.settle(b)
			name := RenditionID("v.m3u8") + ".m3u8"
			b.ReportAllocs()
			for b.Loop() {
				l.publish(testMaterial{init: "one"})
				if _, err := l.view().LongPlaylist(context.Background(), name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What is listed is found without walking over it: the window's length, and at least three slots, of
// those that have not left it.
func TestHowMuchIsListed(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 7))
		l := newTimeline(t, 0, "v.m3u8")
		for range 200 {
			if random.IntN(20) == 0 {
				l.w.config.PlaylistWindow = time.Duration(1+random.IntN(60)) * time.Second
			}
			l.publish(testMaterial{seconds: float64(random.IntN(4000)) / 1000})
			if random.IntN(10) == 0 {
				l.w.Expire(time.Now().Add(time.Hour), 1000)
			}
			n, length := 0, failover.Ticks(0)
			window := failover.TicksOf(l.w.playlistLength())
			for i := len(l.w.slots) - 1; i >= 0 && (n < minListed || length < window) && (n == 0 || l.w.slots[i].MSN >= l.w.head); i-- {
				n, length = n+1, length+l.w.slots[i].End-l.w.slots[i].Start
			}
			if got := l.w.listed(); got != n || got < min(minListed, int(l.msn)-100) || l.w.lengthOf(got) != length {
				t.Fatalf("seed %d: %d slots of %d are listed, want %d of %d", seed, got, l.w.lengthOf(got), n, length)
			}
		}
	}
}
