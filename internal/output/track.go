package output

import (
	"maps"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// track is what is known about one rendition from the slots of the window that it is in.
type track struct {
	slots    int     // that have the rendition, with media or without
	format   *Format // the newest; nil before the first media
	media    meter
	iframes  meter
	bytes    int64 // of the media in the window
	duration failover.Ticks
	// nextIFrame is the next number of the I-frame playlist, 0 before the first
	// key frame.
	nextIFrame uint64
}

// track returns what is known about a rendition.
func (w *Window) track(id string) *track {
	t := w.tracks[id]
	if t == nil {
		t = &track{}
		w.tracks[id] = t
	}
	return t
}

// enter takes a slot's rendition into account.
func (t *track) enter(r *Rendition, s *Slot) {
	t.slots++
	if len(r.Parts) == 0 {
		t.media.pause()
		t.iframes.pause()
		return
	}
	t.bytes, t.duration = t.bytes+r.Size, t.duration+r.Duration
	if r.Format == nil || r.Duration <= 0 {
		return
	}
	t.format = r.Format
	target := failover.Ticks(s.TargetDuration) * failover.ClockRate
	t.media.add(sample{s.MSN, r.Size, r.Duration}, target)
	for i, f := range r.IFrames {
		t.iframes.add(sample{s.MSN, f.Size, r.iframeDuration(i)}, target)
	}
}

// leave is the opposite, for the oldest slot.
func (t *track) leave(r *Rendition, s *Slot) {
	t.slots--
	t.media.forget(s.MSN)
	t.iframes.forget(s.MSN)
	if len(r.Parts) == 0 {
		return
	}
	t.bytes, t.duration = t.bytes-r.Size, t.duration-r.Duration
}

// average is the bit rate in bits per second.
func (t *track) average() uint64 {
	if t.duration <= 0 {
		return 0
	}
	return uint64(float64(t.bytes) * 8 / t.duration.Seconds())
}

// measure is what views know about a rendition.
type measure struct {
	format        *Format
	peak, average uint64
	// iframes: there is an I-frame playlist, or was; iframePeak is its bit rate.
	iframes    bool
	iframePeak uint64
}

// measures are those of the renditions in a window, by ID.
type measures map[string]measure

func (w *Window) measures() measures {
	out := make(measures, len(w.tracks))
	for id, t := range w.tracks {
		m := measure{format: t.format, peak: t.media.peak(), average: t.average(), iframes: t.nextIFrame != 0, iframePeak: t.iframes.peak()}
		if m.peak == 0 {
			m.peak = rounded(m.average) // nothing was long enough yet
		}
		out[id] = m
	}
	return out
}

// dropTracks forgets renditions that no slot has any more. It waits until there is one
// without them: the last slot may have left the window because its media was lost, and the
// next one goes on where it ended.
func (w *Window) dropTracks() {
	if !w.vacant || len(w.slots) == 0 {
		return
	}
	w.vacant = false
	maps.DeleteFunc(w.tracks, func(_ string, t *track) bool {
		if t.slots == 0 {
			w.nextIFrame = max(w.nextIFrame, t.nextIFrame)
		}
		return t.slots == 0
	})
}

// meter finds the peak bit rate of what the window holds: the highest of any segments in a
// row that last between a half and one and a half target durations together (RFC 8216 4.1).
// One segment alone may be much shorter, as the last one before an encoder stops, and its
// rate says nothing.
type meter struct {
	// recent are the newest segments, as far back as they can count with the next one.
	recent []sample
	// peaks are those that no later one exceeds, with the slots that they end in: the first
	// is the highest.
	peaks []peak
}

// maxSamples bounds how many of the shortest segments are taken together.
const maxSamples = 64

// sample is a segment to be measured.
type sample struct {
	msn      uint64
	size     int64
	duration failover.Ticks
}

type peak struct{ msn, rate uint64 }

// add measures what ends with the segment.
func (m *meter) add(s sample, target failover.Ticks) {
	if s.duration <= 0 {
		return
	}
	m.recent = append(m.recent, s)
	var size, rate uint64
	length, first := failover.Ticks(0), len(m.recent)
	for first > max(0, len(m.recent)-maxSamples) {
		next := &m.recent[first-1]
		if length > 0 && length+next.duration > target*3/2 {
			break
		}
		size, length, first = size+uint64(next.size), length+next.duration, first-1
		if length >= target/2 {
			rate = max(rate, size*8*failover.ClockRate/uint64(length))
		}
	}
	m.recent = m.recent[:copy(m.recent, m.recent[first:])]
	if rate == 0 {
		return
	}
	rate = rounded(rate)
	for len(m.peaks) > 0 && m.peaks[len(m.peaks)-1].rate <= rate {
		m.peaks = m.peaks[:len(m.peaks)-1]
	}
	m.peaks = append(m.peaks, peak{s.msn, rate})
}

// pause: what follows is not in a row with what was.
func (m *meter) pause() { m.recent = m.recent[:0] }

// forget drops what ends in slots up to this one.
func (m *meter) forget(msn uint64) {
	for len(m.peaks) > 0 && m.peaks[0].msn <= msn {
		m.peaks = m.peaks[1:]
	}
}

// peak is in bits per second, 0 as long as nothing is long enough.
func (m *meter) peak() uint64 {
	if len(m.peaks) > 0 {
		return m.peaks[0].rate
	}
	return 0
}

// rounded is the rate, rounded up in steps of an eighth of the power of two below it, so
// that the multivariant playlist does not change with every slot.
func rounded(rate uint64) uint64 {
	step := uint64(1)
	for step<<4 <= rate {
		step <<= 1
	}
	return (rate + step - 1) / step * step
}
