package output

import "github.com/liveorigin/caddy-live-origin/failover"

// track is what is known about one rendition from the slots that it was in.
type track struct {
	format *Format // the newest; nil before the first media
	peak   uint64  // measured bits per second
	// bytes and duration are the media in the window.
	bytes    int64
	duration failover.Ticks
	// nextIFrame is the next number of the I-frame playlist, 0 before the first
	// key frame; iframePeak is its measured bits per second.
	nextIFrame, iframePeak uint64
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

// measure records the peak bit rate and the format.
func (t *track) measure(r *Rendition) {
	if r.Format == nil || r.Duration <= 0 {
		return
	}
	rate := uint64(r.Size) * 8 * failover.ClockRate / uint64(r.Duration)
	t.peak = max(t.peak, rounded(rate))
	t.format = r.Format
}

// hold counts the media that enters the window or, with a sign of -1, leaves it.
func (t *track) hold(r *Rendition, sign int64) {
	if len(r.Parts) == 0 {
		return
	}
	t.bytes += sign * r.Size
	t.duration += failover.Ticks(sign) * r.Duration
	if t.duration <= 0 {
		t.bytes, t.duration = 0, 0
	}
}

// average is the bit rate in bits per second.
func (t *track) average() uint64 {
	if t.duration <= 0 {
		return 0
	}
	return uint64(float64(t.bytes) * 8 / t.duration.Seconds())
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
