package failover

import "time"

// Located is the place of one segment on its input's timeline, for people who watch. No
// decision depends on it.
type Located struct {
	Rendition string
	// Number is the encoder's own media sequence number.
	Number uint64
	// Start and End are on the channel's clock: measured for a sound segment,
	// estimated from its neighbours otherwise. Both are zero if Placed is false.
	Start, End Ticks
	Placed     bool
	// Arrived is when it was both listed and delivered; zero if it was not.
	Arrived time.Time
	// Usual is the usual lateness of the rendition's segments.
	Usual time.Duration
}

// Locate finds the segment that an object of an input became. An empty object
// stands for a segment of that path without sound media: what arrived is unsound,
// or nothing did. It reports false if no playlist lists the path, or if the segment
// is long forgotten.
func (c *Channel) Locate(input, path, object string) (Located, bool) {
	in := c.input(input)
	if in == nil {
		return Located{}, false
	}
	list := in.expected[path]
	for i := len(list) - 1; i >= 0; i-- {
		if s := list[i]; s.object == object {
			return s.located(), true
		}
	}
	return Located{}, false
}

func (s *segment) located() Located {
	l := Located{Rendition: s.rendition.path, Number: s.number, Arrived: s.arrived}
	if s.placed && s.generation != nil {
		l.Placed, l.Start, l.End = true, s.channelStart(), s.channelEnd()
		l.Usual = s.generation.latenessOf(s.rendition).Duration()
	}
	return l
}
