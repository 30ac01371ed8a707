package failover

import (
	"errors"
	"slices"
	"time"
)

// Record is one line of a trace: something that was done to a channel's core, or its
// result. Exactly one field besides Time and Held is set.
type Record struct {
	Time time.Time `json:"time"`

	// Open: the core starts, with no memory but what the Restore and Recall records after
	// it provide.
	Open *Opening `json:"open,omitempty"`

	// The fact that was taken at Time.
	Restore      *Slot         `json:"restore,omitempty"`
	Count        *Counted      `json:"count,omitempty"`
	Recall       *Multivariant `json:"recall,omitempty"`
	Reconfigure  *Config       `json:"reconfigure,omitempty"`
	Clock        *Clock        `json:"clock,omitempty"`
	Object       *Object       `json:"object,omitempty"`
	Playlist     *Playlist     `json:"playlist,omitempty"`
	Multivariant *Multivariant `json:"multivariant,omitempty"`
	Order        *Order        `json:"order,omitempty"`
	Selection    *Selection    `json:"selection,omitempty"`
	Resumed      *Resumed      `json:"resumed,omitempty"`
	Tick         *Tick         `json:"tick,omitempty"`

	// Held says that nothing was decided on the fact: the process did not take uploads yet, or
	// other facts followed at once, as a change of the config and what endpoints serve with it.
	Held bool `json:"held,omitempty"`

	// Commit is a slot that was put on the timeline, where several nodes decide.
	Commit *Commitment `json:"commit,omitempty"`

	// Published is a slot that was committed, without its renditions.
	Published *Slot `json:"published,omitempty"`
}

// Commitment is a slot that several nodes share.
type Commitment struct {
	Slot Slot `json:"slot"`
	// Own: this node decided it. Others it has followed.
	Own bool `json:"own,omitempty"`
}

// Opening is the beginning of a core.
type Opening struct {
	Config Config `json:"config"`
	// Partial says that the channel had been running before: what it knew about its inputs
	// is not in the trace.
	Partial bool `json:"partial,omitempty"`
	// Continues says that nothing is missing between this and what was recorded before, if
	// that is there: it need not start over. The records after it that have the same time
	// belong to it.
	Continues bool `json:"continues,omitempty"`
	// Shared says that several nodes decide: what was committed, and when, is in Commit
	// records.
	Shared bool `json:"shared,omitempty"`
}

// RecordOf is the record of a fact. The fact must not be changed afterwards.
func RecordOf(now time.Time, fact Fact) Record {
	r := Record{Time: now}
	switch f := fact.(type) {
	case Object:
		r.Object = &f
	case Playlist:
		r.Playlist = &f
	case Multivariant:
		r.Multivariant = &f
	case Order:
		r.Order = &f
	case Selection:
		r.Selection = &f
	case Resumed:
		r.Resumed = &f
	case Restored:
		r.Restore = &f.Slot
	case Counted:
		r.Count = &f
	case Recalled:
		r.Recall = &f.Multivariant
	case Configured:
		r.Reconfigure = &f.Config
	case Clock:
		r.Clock = &f
	default:
		r.Tick = &Tick{}
	}
	return r
}

// RecordOfSlot is the record of a slot that was published.
func RecordOfSlot(s Slot) Record {
	s.Renditions = nil
	return Record{Time: s.Published, Published: &s}
}

// fact is the record's, nil if it has none.
func (r Record) fact() Fact {
	switch {
	case r.Object != nil:
		return *r.Object
	case r.Playlist != nil:
		return *r.Playlist
	case r.Multivariant != nil:
		return *r.Multivariant
	case r.Order != nil:
		return *r.Order
	case r.Selection != nil:
		return *r.Selection
	case r.Resumed != nil:
		return *r.Resumed
	case r.Restore != nil:
		return Restored{*r.Restore}
	case r.Count != nil:
		return *r.Count
	case r.Recall != nil:
		return Recalled{*r.Recall}
	case r.Reconfigure != nil:
		return Configured{*r.Reconfigure}
	case r.Clock != nil:
		return *r.Clock
	case r.Tick != nil:
		return Tick{}
	}
	return nil
}

// Replay runs a core over the records of a trace. With the options of the trace it makes
// the same decisions as the original, to the nanosecond.
type Replay struct {
	// Change modifies the options in the trace; nil to keep them. The result may not match
	// the trace, so the replay then wakes the core at its own deadlines.
	Change func(Config) Config

	channel *Channel
	opened  time.Time
	shared  bool
	// skipped is the time of an Opening that was not needed.
	skipped time.Time
}

// ErrNoOpening: the trace does not begin with an Open record.
var ErrNoOpening = errors.New("the trace does not start with the opening of a channel")

// Step takes the next record in and returns what the core does with it. Errors:
// ErrNoOpening, and those of [New].
func (r *Replay) Step(rec Record) ([]Effect, error) {
	switch {
	case rec.Open != nil && rec.Open.Continues && r.channel != nil:
		r.skipped = rec.Time
		return nil, nil
	case r.belongsToSkipped(rec):
		return nil, nil
	case rec.Open != nil:
		effects := r.wake(rec.Time)
		c, err := New(r.change(rec.Open.Config))
		r.channel, r.opened, r.shared = c, rec.Time, rec.Open.Shared && r.Change == nil
		return effects, err
	case rec.Published != nil:
		return nil, nil
	case r.channel == nil:
		return nil, ErrNoOpening
	case rec.Commit != nil:
		return r.commit(rec.Time, *rec.Commit), nil
	}
	var effects []Effect
	if rec.Resumed == nil && rec.Restore == nil && rec.Count == nil && rec.Recall == nil && !rec.Time.Before(r.opened) { // else it is repeated
		effects = r.wake(rec.Time)
	}
	if rec.Reconfigure != nil {
		config := r.change(*rec.Reconfigure)
		if err := config.Validate(); err != nil {
			return effects, err
		}
		rec.Reconfigure = &config
	}
	switch fact := rec.fact(); {
	case fact == nil:
	case r.shared, rec.Held:
		effects = append(effects, r.channel.Take(rec.Time, fact)...)
	default:
		effects = append(effects, r.channel.Step(rec.Time, fact)...)
	}
	return effects, nil
}

// commit puts a slot on the timeline that several nodes share. What this node decided, it has
// to decide again; with other options it decides alone.
func (r *Replay) commit(now time.Time, c Commitment) []Effect {
	if !r.shared {
		return nil
	}
	d := r.channel.Decide(now, c.Slot.Endpoint)
	effects := r.channel.Commit(now, c.Slot)
	if !c.Own || c.Slot.Unlisted {
		return effects
	}
	effects = slices.DeleteFunc(effects, func(e Effect) bool {
		_, ok := e.(Published)
		return ok
	})
	if d.Slot != nil {
		effects = append(effects, Published{*d.Slot})
	}
	return effects
}

func (r *Replay) belongsToSkipped(rec Record) bool {
	return !r.skipped.IsZero() && rec.Time.Equal(r.skipped) &&
		(rec.Restore != nil || rec.Count != nil || rec.Recall != nil || rec.Clock != nil || rec.Selection != nil || rec.Order != nil)
}

func (r *Replay) change(c Config) Config {
	if r.Change == nil {
		return c
	}
	c.Endpoints = slices.Clone(c.Endpoints)
	return r.Change(c)
}

// wake steps the core at its deadlines up to a time, if those are not in the trace.
func (r *Replay) wake(until time.Time) []Effect {
	if r.Change == nil || r.channel == nil {
		return nil
	}
	var effects []Effect
	for {
		at, ok := r.channel.Deadline()
		if !ok || !at.Before(until) || at.Before(r.channel.now) {
			return effects
		}
		effects = append(effects, r.channel.Step(at, Tick{})...)
		if again, ok := r.channel.Deadline(); ok && !again.After(at) && !r.channel.unfinished() {
			return effects // already due, and the next record will show what for
		}
	}
}
