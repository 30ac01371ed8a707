package failover

import (
	"maps"
	"time"
)

// Status is what a channel knows at one moment, for people.
type Status struct {
	Inputs    []InputStatus
	Pairs     []PairStatus
	Endpoints []EndpointStatus
}

// InputStatus is the state of one input.
type InputStatus struct {
	Name string
	// Up: it has delivered something within the length of its last three
	// segments.
	Up bool
	// Ended: it has sent EXT-X-ENDLIST.
	Ended bool
	// LastSegment is when the last sound segment arrived; zero before the first.
	LastSegment time.Time
	// Lateness is how long after its end on the channel's clock its media arrives.
	Lateness time.Duration
	// Whole is how much unbroken media it has delivered in all renditions.
	Whole time.Duration
	// Generation counts its generations, Basis is how the current one was put on the
	// channel's clock.
	Generation uint64
	Basis      Basis
	// Bitrate is that of its last segments in bits per second, all renditions
	// together.
	Bitrate uint64
	// Faults counts the segments that it delivered unsound, or listed and never delivered,
	// by what was wrong ("truncated", ..., "not_arrived"), since the process first knew the
	// input.
	Faults     map[Reason]uint64
	Renditions []RenditionStatus
}

// RenditionStatus is the state of one rendition of an input.
type RenditionStatus struct {
	Path string
	// SegmentDuration is the typical length of its segments.
	SegmentDuration time.Duration
	// Bitrate is that of its last segments in bits per second.
	Bitrate uint64
	// Listed: it was announced and has a playlist.
	Listed bool
}

// PairStatus is the relation of two inputs.
type PairStatus struct {
	A, B   string
	State  PairState
	Detail string
	// Offset and Drift are as in PairChanged.
	Offset, Drift time.Duration
}

// EndpointStatus is the state of one endpoint.
type EndpointStatus struct {
	Name string
	// Active is empty before the first slot.
	Active string
	// Ordered is the input that the operator asked for and that is still wanted.
	Ordered string
	Pinned  bool
	// NextMSN is the media sequence number of the next slot.
	NextMSN uint64
	// End is where the last slot ends on the channel's clock.
	End             time.Time
	Discontinuities uint64
	// Slots is how many slots were published since the process first knew the endpoint.
	Slots          uint64
	TargetDuration int
	LastSwitch     *Switch
	// Protection is that of a hitless endpoint; nil for any other.
	Protection *Protection
}

// Status describes the channel as of the last Step.
func (c *Channel) Status() Status {
	var s Status
	for _, in := range c.inputs {
		s.Inputs = append(s.Inputs, in.status())
	}
	for _, p := range c.pairs {
		s.Pairs = append(s.Pairs, PairStatus{
			A: p.a.name, B: p.b.name, State: p.state, Detail: p.detail,
			Offset: p.offset.Duration(), Drift: p.drift.Duration(),
		})
	}
	for _, e := range c.endpoints {
		s.Endpoints = append(s.Endpoints, e.status())
	}
	return s
}

func (in *input) status() InputStatus {
	s := InputStatus{
		Name: in.name, Up: in.up, Ended: in.ended(), LastSegment: in.lastSound,
		Whole: in.wholeFor().Duration(), Generation: in.generations, Faults: maps.Clone(in.faults),
	}
	if g := in.latest; g != nil {
		s.Lateness, s.Basis = g.lateness().Duration(), g.basis
	}
	for _, a := range in.serves() {
		r := RenditionStatus{Path: a.Path}
		if known := in.rendition(a.Path); known != nil {
			r.SegmentDuration, r.Listed, r.Bitrate = known.length.Duration(), known.listed, known.bitrate()
		}
		s.Bitrate += r.Bitrate
		s.Renditions = append(s.Renditions, r)
	}
	return s
}

// bitrate is that of the last segments that are remembered.
func (r *rendition) bitrate() uint64 {
	size, length := int64(0), Ticks(0)
	for _, s := range r.segments[max(0, len(r.segments)-history):] {
		if s.state == sound && s.end > s.start {
			size, length = size+s.size, length+s.end-s.start
		}
	}
	if length <= 0 {
		return 0
	}
	return uint64(float64(size) * 8 / length.Seconds())
}

func (e *endpoint) status() EndpointStatus {
	s := EndpointStatus{
		Name: e.config.Name, Ordered: e.wanted, Pinned: e.pinned, NextMSN: e.msn,
		Discontinuities: e.discontinuities, Slots: e.published, TargetDuration: e.target, LastSwitch: e.lastSwitch,
	}
	if e.config.Hitless {
		p := e.protection()
		s.Protection = &p
	}
	if e.started {
		s.Active, s.End = e.active, e.cursor.end.Time()
	}
	return s
}
