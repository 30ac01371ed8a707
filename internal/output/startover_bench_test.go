package output

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"
)

// daySlots is a day of 2 s slots.
const daySlots = 43_200

// longTimeline has so many slots of three renditions.
func longTimeline(t testing.TB, slots int) *timeline {
	l := newTimeline(t, 336*time.Hour, "v.m3u8", "audio/en.m3u8", "audio/de.m3u8")
	for i := range slots {
		l.publish(testMaterial{init: "one", discontinuity: i%5000 == 4999})
	}
	return l
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryPerSlot(t *testing.T) {
	const slots = 10_000
	l := longTimeline(t, 100)
	before := heap()
	for range slots {
		l.publish(testMaterial{init: "one"})
	}
	perSlot := (heap() - before) / slots
	t.Logf("%d bytes per slot of three renditions", perSlot)
	if perSlot > 2048 {
		t.Errorf("%d bytes per slot", perSlot)
	}
	runtime.KeepAlive(l)
}

// A slot costs the same however long the window is.
func BenchmarkPublish(b *testing.B) {
	for _, slots := range []int{100, daySlots} {
		b.Run(fmt.Sprintf("%d slots", slots), func(b *testing.B) {
			l := longTimeline(b, slots)
			b.ReportAllocs()
			for b.Loop() {
				l.publish(testMaterial{init: "one"})
			}
		})
	}
}

// longest is how many slots of 2 s the longest startover window has: 14 days.
const longest = 14 * daySlots

func BenchmarkStartover(b *testing.B) {
	l := longTimeline(b, daySlots)
	l.settle(b)
	benchmarkStartover(b, l, "a day")
	b.Run("render a day", func(b *testing.B) {
		// Right after a restart, before anything has been made ahead.
		v := *l.view()
		b.ReportAllocs()
		for b.Loop() {
			v.startover, v.shelf = newRequested(maxRenderings), newShelf()
			ask(b, &v, 0)
		}
	})
	v, query := l.view(), l.query(0)
	b.Run("plain", func(b *testing.B) {
		text := ask(b, v, 0)
		b.ReportAllocs()
		b.SetBytes(int64(text.Size))
		for b.Loop() {
			if _, err := text.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Startover(context.Background(), videoList, query); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("multivariant", func(b *testing.B) {
		b.ReportAllocs()
		start := "start=" + fmt.Sprint(v.slots[0].Start.Time().Unix())
		for b.Loop() {
			if _, err := v.Startover(context.Background(), "index.m3u8", start); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStartoverOf14Days(b *testing.B) {
	if testing.Short() {
		b.Skip("600,000 slots take a minute and a gigabyte")
	}
	l := longTimeline(b, longest)
	l.settle(b)
	benchmarkStartover(b, l, "14 days")
}

// benchmarkStartover measures what viewers wait for who begin in the past: the first one, one
// of a thousand who all began at different times, and each of those once another slot is
// there.
func benchmarkStartover(b *testing.B, l *timeline, what string) {
	const viewers = 1000
	v := *l.view()
	fresh := func() { v.startover = newRequested(maxRenderings) }
	b.Run("first request of "+what, func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			fresh()
			text := ask(b, &v, i%blockSlots)
			b.ReportMetric(float64(text.Size), "bytes")
			b.ReportMetric(float64(text.GzipSize), "gzip-bytes")
		}
	})
	b.Run("different starts in "+what, func(b *testing.B) {
		fresh()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ask(b, &v, (i%viewers)*(len(v.slots)/viewers))
			if i%viewers == viewers-1 {
				v.number++
			}
		}
		b.ReportMetric(float64(v.startover.bytes)/float64(v.startover.recent.Len()), "held-bytes")
	})
}

var videoList = RenditionID("v.m3u8") + ".m3u8"

// query asks for all from the slot with this index on.
func (l *timeline) query(first int) string { return fmt.Sprintf("first=%d", l.view().slots[first].MSN) }

func ask(b *testing.B, v *View, first int) *Packed {
	text, err := v.Startover(context.Background(), videoList, fmt.Sprintf("first=%d", v.slots[first].MSN))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// Of what a slot takes, its share of the blocks.
func TestMemoryOfBlocks(t *testing.T) {
	l := longTimeline(t, 40*blockSlots)
	if p, err := l.view().Startover(t.Context(), videoList, l.query(3)); err != nil || p.GzipSize < 2*blockSlots*40 {
		t.Error(err)
	} else {
		isOneMember(t, p, plain(t, p)) // longer than what is written at once
	}
	l.settle(t)
	shelf := l.w.shelf
	perSlot := float64(shelf.bytes) / float64(len(shelf.blocks)*blockSlots)
	t.Logf("%.1f bytes per slot and rendition", perSlot)
	if perSlot > 12 {
		t.Errorf("%.1f bytes per slot and rendition", perSlot)
	}
}
