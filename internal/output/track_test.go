package output

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// BANDWIDTH is the peak over a half to one and a half target durations (RFC 8216 4.1), of
// what can be fetched.
func TestPeakBitRate(t *testing.T) {
	type segment struct {
		seconds float64
		size    int64 // 0 for a gap
	}
	for name, c := range map[string]struct {
		segments []segment
		want     uint64
	}{
		"one":                              {[]segment{{2, 1000}}, 4000},
		"a very short one says nothing":    {[]segment{{2, 1000}, {0.04, 1000}}, 7500},
		"not even the first one":           {[]segment{{0.04, 1000}, {2, 1000}}, 8000},
		"half a target duration is enough": {[]segment{{2, 1000}, {1, 1000}}, 8000},
		"several are":                      {[]segment{{0.5, 1000}, {0.5, 1000}, {2, 1000}}, 16000},
		"after a gap nothing is in a row":  {[]segment{{2, 1000}, {0.5, 1000}, {2, 0}, {0.5, 1000}}, 6400},
		"a long one":                       {[]segment{{5, 10000}, {0.5, 1000}}, 16000},
		"nothing is long enough":           {[]segment{{0.5, 1000}}, 16000},
	} {
		l := newTimeline(t, 0, "v.m3u8")
		for _, s := range c.segments {
			l.publish(testMaterial{seconds: s.seconds, size: s.size, gap: s.size == 0})
		}
		v := l.view().multivariant.Variants[0]
		if v.Bandwidth < c.want || v.Bandwidth > c.want*9/8 {
			t.Errorf("%s: BANDWIDTH=%d, want %d", name, v.Bandwidth, c.want)
		}
		if v.AverageBandwidth > v.Bandwidth {
			t.Errorf("%s: AVERAGE-BANDWIDTH=%d, BANDWIDTH=%d", name, v.AverageBandwidth, v.Bandwidth)
		}
	}
}

func TestPeakBitRateLeavesWithItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimeline(t, 0, "v.m3u8")
		publish := func(n int, size int64) {
			for range n {
				time.Sleep(slotSeconds * time.Second)
				l.publish(testMaterial{size: size})
			}
		}
		publish(6, 1000)
		publish(1, 9000)
		publish(5, 1000)
		if b := l.view().multivariant.Variants[0].Bandwidth; b < 36_000 {
			t.Errorf("BANDWIDTH=%d with a segment of 36000 bit/s", b)
		}
		publish(20, 1000)
		if b := l.view().multivariant.Variants[0].Bandwidth; b != 4096 {
			t.Errorf("BANDWIDTH=%d when it has left", b)
		}
	})
}

// However many short segments there are, few of them are looked at.
func TestMeterIsBounded(t *testing.T) {
	var m meter
	for i := range 100_000 {
		m.add(sample{msn: uint64(i), size: int64(100_000 - i), duration: 1}, 6*failover.ClockRate)
		if len(m.recent) > maxSamples+1 {
			t.Fatalf("%d samples", len(m.recent))
		}
	}
	for i := range 100_000 {
		m.add(sample{msn: uint64(i), size: int64(100_000 - i), duration: 6 * failover.ClockRate}, 6*failover.ClockRate)
	}
	if len(m.peaks) > 1000 {
		t.Errorf("%d peaks", len(m.peaks))
	}
}
