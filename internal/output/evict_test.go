package output

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a full store gives up is the oldest part of a startover window, never what a
// live playlist lists or has just listed.
func TestEvictionLeavesTheLivePlaylistAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, time.Hour, "v.m3u8")
		for range 60 {
			time.Sleep(slotSeconds * time.Second)
			l.publish(testMaterial{})
		}
		before := l.view().slots
		bytes, segments := l.w.SpareSize(time.Now())
		spare, ok := l.w.Spare(time.Now())
		if !ok || spare != before[0].End {
			t.Fatalf("spare: %v, %v", spare, ok)
		}
		_, _, first := l.parsed(t, "start="+seconds(0))
		evictions, evicted := 0, 0
		for {
			gone := l.w.Evict(time.Now())
			l.w.Show(l.w.Latest())
			if len(gone) == 0 {
				break
			}
			evictions++
			evicted += len(gone)
			if v := l.view(); v.Segment(first.Segments[0].URI) != nil {
				t.Fatal("the oldest slot is still there")
			}
			if _, err := l.view().Startover(context.Background(), "index.m3u8", "start="+seconds(0)); !errors.Is(err, ErrOutside) {
				t.Fatalf("a start that was evicted: %v", err)
			}
		}
		after := l.view().slots
		kept := l.w.config.PlaylistWindow + l.w.availability()
		if got := time.Duration(len(after)*slotSeconds) * time.Second; evictions < 5 || got < kept-2*slotSeconds*time.Second || got > kept+2*slotSeconds*time.Second {
			t.Errorf("%d evictions left %v, and %v are needed", evictions, got, kept)
		}
		if _, ok := l.w.Spare(time.Now()); ok {
			t.Error("there is something to spare")
		}
		if int(segments) != evicted || int(bytes) != 1000*evicted {
			t.Errorf("%d segments of %d bytes were to spare, and %d of 1000 bytes went", segments, bytes, evicted)
		}
		if bytes, segments := l.w.SpareSize(time.Now()); bytes != 0 || segments != 0 {
			t.Errorf("%d segments of %d bytes are still to spare", segments, bytes)
		}
		if evicted+len(after) != 60 {
			t.Errorf("%d slots were given back and %d are kept, of 60", evicted, len(after))
		}
		// What is left can be played from its beginning.
		_, _, m := l.parsed(t, "start="+seconds(float64(60-len(after))*slotSeconds))
		if len(m.Segments) != len(after) {
			t.Errorf("%d segments of %d slots", len(m.Segments), len(after))
		}
	})
}
