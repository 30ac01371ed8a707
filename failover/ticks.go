package failover

import "time"

// ClockRate is the unit of all media time in this package: ticks of 90 kHz, the
// clock of MPEG-2 systems (ISO/IEC 13818-1 2.4.3.6).
const ClockRate = 90_000

// Ticks is media time, or a length of it, in units of 1/90000 s. On the
// channel's clock it counts from the Unix epoch, so that a position of the
// channel is also a point of wall-clock time (its EXT-X-PROGRAM-DATE-TIME).
type Ticks int64

// Duration converts a length of media time.
func (t Ticks) Duration() time.Duration {
	return time.Duration(t/ClockRate)*time.Second + time.Duration(t%ClockRate)*time.Second/ClockRate
}

// Seconds converts a length of media time, for printing.
func (t Ticks) Seconds() float64 { return float64(t) / ClockRate }

// Time converts a position on the channel's clock to wall-clock time.
func (t Ticks) Time() time.Time {
	return time.Unix(int64(t/ClockRate), int64(t%ClockRate)*int64(time.Second)/ClockRate).UTC()
}

// TicksOf converts a length of time, rounded to the nearest tick.
func TicksOf(d time.Duration) Ticks {
	return Ticks(d/time.Second)*ClockRate + Ticks((d%time.Second*ClockRate+time.Second/2)/time.Second)
}

// TicksAt converts a point of wall-clock time to a position on the channel's
// clock.
func TicksAt(t time.Time) Ticks {
	return Ticks(t.Unix())*ClockRate + Ticks((int64(t.Nanosecond())*ClockRate+int64(time.Second)/2)/int64(time.Second))
}

func abs(t Ticks) Ticks {
	if t < 0 {
		return -t
	}
	return t
}

// nearest returns the value congruent to t (modulo modulus) that is closest to
// near. A modulus of 0 means that timestamps do not wrap.
func nearest(t, modulus, near Ticks) Ticks {
	if modulus <= 0 {
		return t
	}
	d := (t - near) % modulus
	if d < 0 {
		d += modulus
	}
	if d > modulus/2 {
		d -= modulus
	}
	return near + d
}

// median returns the middle one of values, the upper of two; values is
// reordered.
func median(values []Ticks) Ticks {
	if len(values) == 0 {
		return 0
	}
	// At most 15 values: insertion sort.
	for i := 1; i < len(values); i++ {
		for j := i; j > 0 && values[j] < values[j-1]; j-- {
			values[j], values[j-1] = values[j-1], values[j]
		}
	}
	return values[len(values)/2]
}
