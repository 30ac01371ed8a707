package failover

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is what the operator says about a channel.
type Config struct {
	// Inputs by name; the first one is preferred where nothing else decides.
	Inputs    []string         `json:"inputs"`
	Endpoints []EndpointConfig `json:"endpoints"`
	// Alignment is how inputs are put on one clock. Default: AlignAuto.
	Alignment Alignment `json:"alignment,omitempty"`
	// MaxBacklog is how much of an input's media is kept that no endpoint has used yet.
	// Default: 10 minutes.
	MaxBacklog time.Duration `json:"max_backlog,omitempty"`
}

// EndpointConfig is what the operator says about an endpoint.
type EndpointConfig struct {
	Name string `json:"name"`
	// SegmentDuration is the desired length of a slot.
	SegmentDuration time.Duration `json:"segment_duration"`
	// FailoverGrace is how long the active input is waited for after a slot is due.
	// Default: half of SegmentDuration.
	FailoverGrace time.Duration `json:"failover_grace,omitempty"`
	// TimeDelay: media of time t is published at t + TimeDelay.
	TimeDelay time.Duration `json:"time_delay,omitempty"`
	// Prefer names the input to return to once it has been whole for PreferAfter and the
	// switch is seamless, or there is a discontinuity anyway. Empty: stay until failover is
	// needed again.
	Prefer      string        `json:"prefer,omitempty"`
	PreferAfter time.Duration `json:"prefer_after,omitempty"`
	// Hitless publishes a slot from whichever input has it whole first, as long as it
	// continues without a discontinuity: the death of an encoder makes no slot late. The
	// active input stays until it has missed a deadline. It has no effect while the inputs
	// are not locked.
	Hitless bool `json:"hitless,omitempty"`
	// PlaylistWindow is how much media the endpoint's live playlist lists. An endpoint
	// that is added to a running channel starts with that much. Default: a minute.
	PlaylistWindow time.Duration `json:"playlist_window,omitempty"`
	// OnDefect is what defects in the active input's media lead to, where that differs from
	// the defect's default.
	OnDefect map[Defect]Action `json:"on_defect,omitempty"`
	// GapOnLoss publishes slots that were given up as gaps (EXT-X-GAP), on
	// schedule. Otherwise the playlist waits.
	GapOnLoss bool `json:"gap_on_loss,omitempty"`
}

// Validate reports why no channel can be made of the config.
func (config Config) Validate() error {
	if len(config.Inputs) == 0 {
		return errors.New("a channel needs at least one input")
	}
	for _, e := range config.Endpoints {
		if e.SegmentDuration <= 0 {
			return fmt.Errorf("endpoint %s: segment duration must be positive", e.Name)
		}
	}
	return nil
}

// Channel is the state machine of one channel. It does no I/O, has no clock and
// starts no goroutine; it is used by one goroutine at a time.
type Channel struct {
	config    Config
	inputs    []*input
	endpoints []*endpoint
	pairs     []*pair
	now       time.Time
	ahead     time.Duration // of now, the wall clock
	pace      pace
	// alignments counts how often an offset was found.
	alignments uint64
	swept      time.Time
	sweeping   bool      // there is more to sweep
	paced      time.Time // when inputs were last checked for falling behind
	silent     time.Time // when all inputs were last down
	// restored are the clocks of slots from before a restart of the process.
	restored []*generation
	effects  []Effect
	released []string
	// shared counts how many segments need an object, beyond the first.
	shared map[string]int
	// unbound are segments that were listed, and may have objects that wait for them.
	unbound []*segment
	trace   func(Record)
}

// New makes a channel that has seen nothing yet. Errors: those of Config.Validate.
func New(config Config) (*Channel, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := &Channel{shared: map[string]int{}}
	c.configure(config)
	return c, nil
}

// Trace sets the function that gets every fact that is taken and every slot that is
// committed from now on; nil for none.
func (c *Channel) Trace(tell func(Record)) { c.trace = tell }

// Step takes a fact at the time now, commits what there is to decide, and returns the
// effects: Take, then Decide and Commit for every endpoint, for callers that have nothing
// to do in between.
func (c *Channel) Step(now time.Time, fact Fact) []Effect {
	effects := c.Take(now, fact)
	if old(fact) {
		return effects
	}
	for _, e := range c.endpoints {
		for {
			d := c.Decide(now, e.config.Name)
			if d.Slot == nil {
				break
			}
			effects = append(effects, c.Commit(now, *d.Slot)...)
		}
	}
	return effects
}

// Take takes a fact at the time now and returns what there is to tell the operator. Time
// only elapses, see Clock: a now before the last one counts as the last one. A fact about
// an input that the channel does not have is ignored.
func (c *Channel) Take(now time.Time, fact Fact) []Effect {
	if c.trace != nil {
		c.trace(RecordOf(now, fact))
	}
	if now.Before(c.now) || old(fact) {
		now = c.now
	}
	c.now = now
	c.effects = nil
	for _, e := range c.endpoints {
		e.committed = 0
	}
	c.bindMore(now, fact)
	c.apply(now, fact)
	for _, in := range c.inputs {
		in.checkDown(now)
	}
	c.checkTempo(now)
	if !c.anyUp() {
		c.silent = now
	}
	c.checkEnd()
	c.tellProtection(now)
	return c.finish(now)
}

// old reports whether the fact is from before a restart: it does not tell the time, and
// nothing is decided on it.
func old(fact Fact) bool {
	switch fact.(type) {
	case Restored, Counted, Recalled:
		return true
	}
	return false
}

func (c *Channel) apply(now time.Time, fact Fact) {
	switch f := fact.(type) {
	case Object:
		if in := c.input(f.Input); in != nil {
			in.receive(now, c.believable(f))
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
			in.recalled = false
		}
	case Recalled:
		if in := c.input(f.Input); in != nil {
			in.announce(f.Multivariant)
			in.recalled = true
		}
	case Selection:
		if e := c.endpoint(f.Endpoint); e != nil {
			e.exclude(f.Excluded)
		}
	case Order:
		if e := c.endpoint(f.Endpoint); e != nil && (f.Input == "" || c.input(f.Input) != nil) {
			e.wanted, e.pinned = f.Input, f.Pin && f.Input != ""
		}
	case Configured:
		if f.Config.Validate() == nil {
			c.configure(f.Config)
		}
	case Restored:
		c.restore(f.Slot)
	case Counted:
		if e := c.endpoint(f.Endpoint); e != nil && !e.started {
			e.discontinuities, e.msn = f.Discontinuities, f.Number
		}
	case Resumed:
		c.resume(now)
	case Clock:
		c.ahead = f.Ahead
	}
}

// Decision is what an endpoint is to do.
type Decision struct {
	// Slot is what to publish, list as a gap, or give up (Unlisted): to be persisted, then
	// committed. Nil: there is nothing to do before Wait or the next fact.
	Slot *Slot
	// Wait is when time alone may change the answer; zero: never.
	Wait time.Time
}

// Decide says what the endpoint is to do at the time now. It changes nothing: the caller
// persists the slot and commits it.
func (c *Channel) Decide(now time.Time, endpoint string) Decision {
	e := c.endpoint(endpoint)
	if e == nil {
		return Decision{}
	}
	if now.Before(c.now) {
		now = c.now
	}
	d := Decision{Wait: now} // with the next Tick
	if e.committed < slotsAtOnce {
		d = e.decide(now)
	}
	e.wake = d.Wait // what Deadline returns; no decision depends on it
	return d
}

// Commit puts a slot on the timeline of its endpoint, whoever decided it: this channel,
// another node, or an earlier process. One that the endpoint already has changes nothing.
func (c *Channel) Commit(now time.Time, slot Slot) []Effect {
	if c.trace != nil && !slot.Unlisted {
		c.trace(RecordOfSlot(slot))
	}
	c.effects = nil
	if e := c.endpoint(slot.Endpoint); e != nil {
		e.commit(now, slot)
		e.committed++
	}
	c.checkEnd()
	return c.finish(now)
}

// finish forgets what is no longer of use, and hands out the effects.
func (c *Channel) finish(now time.Time) []Effect {
	c.pass(now)
	if len(c.released) > 0 {
		c.emit(Released{Objects: c.released})
		c.released = nil
	}
	return c.effects
}

// unfinished reports whether there was more to do than is done with one fact.
func (c *Channel) unfinished() bool {
	return len(c.unbound) > 0 || c.sweeping || slices.ContainsFunc(c.endpoints, func(e *endpoint) bool { return e.committed >= slotsAtOnce })
}

// Endpoints lists the endpoints, in the order of the config.
func (c *Channel) Endpoints() []string {
	names := make([]string, len(c.endpoints))
	for i, e := range c.endpoints {
		names[i] = e.config.Name
	}
	return names
}

// Deadline is when to Take a Tick and Decide again if no fact comes before that; false if
// time alone changes nothing.
func (c *Channel) Deadline() (time.Time, bool) {
	if len(c.unbound) > 0 || c.sweeping {
		return c.now, true
	}
	var at time.Time
	for _, in := range c.inputs {
		if in.up {
			at = sooner(at, in.downAt())
		}
	}
	for _, e := range c.endpoints {
		at = sooner(at, e.wake)
	}
	return at, !at.IsZero()
}

// sooner is the earlier of two times; zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// wall is the wall clock's time, as ticks.
func (c *Channel) wall() Ticks { return TicksAt(c.now.Add(c.ahead)) }

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

func (c *Channel) pair(a, b string) *pair {
	for _, p := range c.pairs {
		if p.a.name == a && p.b.name == b || p.a.name == b && p.b.name == a {
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

// retain notes one more use of the object.
func (c *Channel) retain(object string) {
	if object != "" {
		c.shared[object]++
	}
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

func (c *Channel) anyUp() bool {
	for _, in := range c.inputs {
		if in.up {
			return true
		}
	}
	return false
}
