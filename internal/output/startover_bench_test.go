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

func BenchmarkStartover(b *testing.B) {
	l := longTimeline(b, daySlots)
	v := l.view()
	name := RenditionID("v.m3u8") + ".m3u8"
	query := fmt.Sprintf("first=%d", v.slots[0].MSN)
	b.Run("render a day", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.startover = newStartoverCache()
			text, err := v.Startover(context.Background(), name, query)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(text.Size), "bytes")
			b.ReportMetric(float64(len(text.Gzip)), "gzip-bytes")
		}
	})
	b.Run("plain", func(b *testing.B) {
		text, err := v.Startover(context.Background(), name, query)
		if err != nil {
			b.Fatal(err)
		}
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
			if _, err := v.Startover(context.Background(), name, query); err != nil {
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
