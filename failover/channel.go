package failover

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is what the operator says about a channel.
type Config struct {
	// Inputs by name; the first one is the first choice where nothing else
	// decides.
	Inputs    []string         `json:"inputs"`
	Endpoints []EndpointConfig `json:"endpoints"`
	// Alignment is how inputs are put on one clock. Default: AlignAuto.
	Alignment Alignment `json:"alignment,omitempty"`
	// MaxBacklog is how much media of an input is kept that no endpoint has
	// used. Default: 10 minutes.
	MaxBacklog time.Duration `json:"max_backlog,omitempty"`
}

// EndpointConfig is what the operator says about an endpoint.
type EndpointConfig struct {
	Name string `json:"name"`
	// SegmentDuration is the wanted length of a slot.
	SegmentDuration time.Duration `json:"segment_duration"`
	// FailoverGrace is how long after a slot is due the active input is waited
	// for. Default: half of SegmentDuration.
	FailoverGrace time.Duration `json:"failover_grace,omitempty"`
	// TimeDelay: media of time t is published at t + TimeDelay.
	TimeDelay time.Duration `json:"time_delay,omitempty"`
	// Prefer names the input to go back to once it has been whole for
	// PreferAfter and going back is seamless, or a discontinuity comes anyway.
	// Empty: stay until failover is needed again.
	Prefer      string        `json:"prefer,omitempty"`
	PreferAfter time.Duration `json:"prefer_after,omitempty"`
	// GapOnLoss publishes slots that were given up as gaps (EXT-X-GAP), on
	// schedule. Otherwise the playlist waits.
	GapOnLoss bool `json:"gap_on_loss,omitempty"`
}

// Channel is the state machine of one channel. It does no I/O, has no clock and
// starts no goroutine; it is used by one goroutine at a time.
type Channel struct {
	config    Config
	inputs    []*input
	endpoints []*endpoint
	pairs     []*pair
	now       time.Time
	// alignments counts how often an offset was found.
	alignments uint64
	swept      time.Time
	// restored are the clocks of slots from an earlier life of the process.
	restored []*generation
	effects  []Effect
	released []string
	// shared counts by how many segments more than one an object is needed.
	shared map[string]int
}

// New makes a channel that has seen nothing yet.
func New(config Config) (*Channel, error) {
	c := &Channel{shared: map[string]int{}}
	if err := c.Reconfigure(time.Time{}, config); err != nil {
		return nil, err
	}
	return c, nil
}

// Reconfigure applies other options. Inputs and endpoints keep their state by
// name; what was published stays.
func (c *Channel) Reconfigure(now time.Time, config Config) error {
	if len(config.Inputs) == 0 {
		return errors.New("a channel needs at least one input")
	}
	for _, e := range config.Endpoints {
		if e.SegmentDuration <= 0 {
			return fmt.Errorf("endpoint %s: segment duration must be positive", e.Name)
		}
	}
	if config.MaxBacklog <= 0 {
		config.MaxBacklog = 10 * time.Minute
	}
	c.config = config
	var inputs []*input
	for _, name := range config.Inputs {
		in := c.input(name)
		if in == nil {
			in = &input{channel: c, name: name, expected: map[string][]*segment{}, waiting: map[string]waitingObject{}}
		}
		inputs = append(inputs, in)
	}
	for _, old := range c.inputs {
		if !slices.Contains(inputs, old) {
			c.remove(old, inputs[0])
		}
	}
	c.inputs = inputs
	c.pairUp()
	var endpoints []*endpoint
	for _, ec := range config.Endpoints {
		e := c.endpoint(ec.Name)
		if e == nil {
			e = newEndpoint(c, ec)
		}
		e.config = ec
		endpoints = append(endpoints, e)
	}
	c.endpoints = endpoints
	return nil
}

// remove takes an input out of the channel; endpoints that were on it go on
// with another one.
func (c *Channel) remove(in, instead *input) {
	for _, r := range in.renditions {
		for _, s := range r.segments {
			if !s.passed {
				c.release(s.object)
			}
		}
	}
	for _, w := range in.waiting {
		c.release(w.ID)
	}
	for _, e := range c.endpoints {
		if e.active == in {
			e.active = instead
		}
	}
}

func (c *Channel) pairUp() {
	old := c.pairs
	c.pairs = nil
	for i, a := range c.inputs {
		for _, b := range c.inputs[i+1:] {
			p := &pair{channel: c, a: a, b: b, state: Unaligned}
			for _, o := range old {
				if o.a == a && o.b == b {
					p = o
				}
			}
			c.pairs = append(c.pairs, p)
		}
	}
}

func (c *Channel) input(name string) *input {
	for _, in := range c.inputs {
		if in.name == name {
			return in
		}
	}
	return nil
}

func (c *Channel) endpoint(name string) *endpoint {
	for _, e := range c.endpoints {
		if e.config.Name == name {
			return e
		}
	}
	return nil
}

func (c *Channel) pair(a, b *input) *pair {
	for _, p := range c.pairs {
		if p.a == a && p.b == b || p.a == b && p.b == a {
			return p
		}
	}
	return nil
}

func (c *Channel) emit(e Effect) { c.effects = append(c.effects, e) }

func (c *Channel) release(object string) {
	switch n := c.shared[object]; {
	case object == "":
	case n > 1:
		c.shared[object]--
	case n == 1:
		delete(c.shared, object)
	default:
		c.released = append(c.released, object)
	}
}

// share notes that one more segment needs the object: playlists may list one path
// more than once.
func (c *Channel) share(object string) {
	if object != "" {
		c.shared[object]++
	}
}

// Step takes a fact in at the time now and returns what is to be done. Time
// never goes back: a now before the last one counts as the last one. A fact of
// an input that the channel does not have is ignored.
func (c *Channel) Step(now time.Time, fact Fact) []Effect {
	if now.Before(c.now) {
		now = c.now
	}
	c.now = now
	c.effects = nil
	switch f := fact.(type) {
	case Object:
		if in := c.input(f.Input); in != nil {
			in.receive(now, c.plausible(f))
		} else {
			c.release(f.ID)
		}
	case Playlist:
		if in := c.input(f.Input); in != nil {
			in.list(now, f)
		}
	case Multivariant:
		if in := c.input(f.Input); in != nil {
			in.announce(f)
		}
	case Selection:
		if e := c.endpoint(f.Endpoint); e != nil {
			e.exclude(f.Excluded)
		}
	case Resumed:
		c.resume(now)
	case Order:
		if e := c.endpoint(f.Endpoint); e != nil && (f.Input == "" || c.input(f.Input) != nil) {
			e.wanted, e.pinned = f.Input, f.Pin && f.Input != ""
		}
	}
	for _, in := range c.inputs {
		in.checkDown(now)
	}
	for _, e := range c.endpoints {
		e.decide(now)
	}
	c.checkEnd()
	c.pass(now)
	if len(c.released) > 0 {
		c.emit(Released{Objects: c.released})
		c.released = nil
	}
	return c.effects
}

// Deadline is when Step has to be called if no fact comes before; false if time
// alone changes nothing.
func (c *Channel) Deadline() (time.Time, bool) {
	var at time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, in := range c.inputs {
		if in.up {
			earliest(in.downAt())
		}
	}
	for _, e := range c.endpoints {
		earliest(e.wake)
	}
	return at, !at.IsZero()
}

// checkEnd ends the endpoints when every input has ended the channel.
func (c *Channel) checkEnd() {
	if !c.allEnded() {
		return
	}
	for _, e := range c.endpoints {
		if e.started && !e.ended && !e.anythingBehind() {
			e.ended = true
			c.emit(Ended{Endpoint: e.config.Name})
		}
	}
}

func (c *Channel) allEnded() bool {
	for _, in := range c.inputs {
		if !in.ended() {
			return false
		}
	}
	return true
}
