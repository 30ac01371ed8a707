package channel

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/activity"
)

// What operators see of the channel, and what they order.

// ErrUnknown: the channel has no endpoint or no input of this name.
var ErrUnknown = errors.New("no such endpoint or input")

// Status describes the channel at this moment.
func (c *Channel) Status() failover.Status {
	c.mu.Lock()
	defer c.unlock()
	s := c.core.Status()
	for i := range s.Endpoints {
		if e := &s.Endpoints[i]; e.LastSwitch == nil {
			e.LastSwitch = c.decisions.lastOf(e.Name) // of an earlier process
		}
	}
	return s
}

// Decisions are the last changes of an active input, the oldest first.
func (c *Channel) Decisions() []failover.Switch {
	c.mu.Lock()
	defer c.unlock()
	return slices.Clone(c.decisions)
}

// Remarks lists what was noticed within the last day, the newest first.
func (c *Channel) Remarks() []Remark {
	c.mu.Lock()
	defer c.unlock()
	return c.remarks.lately()
}

// Waits lists what the inputs have been waiting for, for more than two segment lengths, the
// oldest first. Notice.Time is when the wait began.
func (c *Channel) Waits() []Notice {
	c.mu.Lock()
	defer c.unlock()
	var list []Notice
	for _, in := range c.inputs {
		in.checkWaits()
		list = slices.AppendSeq(list, maps.Values(in.waits.told))
	}
	slices.SortFunc(list, func(a, b Notice) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Input, b.Input), strings.Compare(a.Path, b.Path))
	})
	return list
}

// Activity is what happened lately, nil unless the config asks for it. A channel that goes
// on recording after a change of config keeps the same one.
func (c *Channel) Activity() *activity.Notes {
	c.mu.Lock()
	defer c.unlock()
	return c.activity
}

// Observe sets who is told what happens, from the next event on; nil for nobody. Events
// come in order, one at a time, from the channel's own goroutine: never on the path of a
// request.
func (c *Channel) Observe(o Observer) { c.outbox.observe(o) }

// Order asks for an endpoint to go to an input, with the next slot that the input
// has whole; see failover.Order. An empty input takes back what was ordered.
// Errors: ErrUnknown, ErrClosed.
func (c *Channel) Order(endpoint, input string, pin bool) error {
	c.mu.Lock()
	defer c.unlock()
	if c.closed {
		return ErrClosed
	}
	if c.endpoints[endpoint] == nil || input != "" && c.inputs[input] == nil {
		return ErrUnknown
	}
	order, now := failover.Order{Endpoint: endpoint, Input: input, Pin: pin}, time.Now().Round(0)
	c.obey(order, now)
	if c.nodes != nil {
		c.nodes.group.Send(message{Order: &order, Ordered: now}.encode())
	}
	return nil
}

// obey carries out an order, and notes it, and when it was given. The lock is held.
func (c *Channel) obey(order failover.Order, at time.Time) {
	c.step(order)
	if !order.Pin {
		order.Input = "" // a switch without a pin is done once
	}
	c.outbox.trouble(c.standing.say(standingEntry{Time: at, Order: &order}))
}

// dropOrders notes that orders for inputs and endpoints that are not in the config any more don't
// stand, as the core has dropped them: one must not come back with its input, months later, at a
// restart. The lock is held.
func (c *Channel) dropOrders() {
	for _, entry := range c.standing.inOrder() {
		o := entry.Order
		if o == nil || c.endpoints[o.Endpoint] != nil && c.inputs[o.Input] != nil {
			continue
		}
		dropped := standingEntry{Order: &failover.Order{Endpoint: o.Endpoint}}
		if !entry.Time.IsZero() {
			dropped.Time = entry.Time.Add(-1) // nobody has taken it back: nodes whose config has the input keep it
		}
		c.outbox.trouble(c.standing.say(dropped))
	}
}

// Nodes says which nodes run the channel; nil where there is one only.
func (c *Channel) Nodes() *NodesStatus {
	if c.nodes == nil {
		return nil
	}
	return c.nodes.describe()
}

// Trace sets who records what reaches the core from now on, beginning with a checkpoint;
// nil for nobody. Prepare does so from the beginning.
func (c *Channel) Trace(t Tracer) {
	c.mu.Lock()
	defer c.unlock()
	c.traceTo(t)
	c.checkpoint(false)
}

// traceTo does so without a checkpoint. The lock is held.
func (c *Channel) traceTo(t Tracer) {
	c.traces.traceTo(t)
	c.tracing = t != nil
	c.core.Trace(nil)
	if c.tracing {
		c.core.Trace(func(r failover.Record) {
			r.Held = c.prepared || c.telling
			c.trace(r)
		})
	}
}

func (c *Channel) trace(r failover.Record) { c.traces.records.put(r) }

// traceCommit records what a replay can't know: when a slot was committed, and by whom it was
// decided. own: by this node. The lock is held.
func (c *Channel) traceCommit(now time.Time, s failover.Slot, own bool) {
	if c.tracing && c.nodes != nil {
		c.trace(failover.Record{Time: now, Commit: &failover.Commitment{Slot: s, Own: own}})
	}
}

// Checkpoint records what a replay needs to begin here. continues says that no record is
// missing before it.
func (c *Channel) Checkpoint(continues bool) {
	c.mu.Lock()
	defer c.unlock()
	c.checkpoint(continues)
}

func (c *Channel) checkpoint(continues bool) {
	if !c.tracing {
		return
	}
	now := c.now()
	// What the core knows is told again, and nothing is decided on that.
	again := func(f failover.Fact) {
		r := failover.RecordOf(now, f)
		r.Held = true
		c.trace(r)
	}
	config := c.config.core()
	c.trace(failover.Record{Time: now, Open: &failover.Opening{Config: config, Partial: c.stepped, Continues: continues, Shared: c.nodes != nil}})
	if c.clock.ahead != 0 {
		again(failover.Clock{Ahead: c.clock.ahead})
	}
	for _, ec := range config.Endpoints {
		if e := c.endpoints[ec.Name]; e.decided != nil {
			c.trace(failover.Record{Time: now, Restore: e.decided})
		}
	}
	for _, entry := range c.standing.inOrder() {
		if entry.Count != nil {
			c.trace(failover.RecordOf(now, outlived(*entry.Count)))
		}
		if entry.Multivariant == nil {
			continue
		}
		in := c.inputs[entry.Multivariant.Input]
		if in == nil {
			continue
		}
		if fact, _, ok := entry.Multivariant.read(in.config.Load()); ok {
			c.trace(failover.Record{Time: now, Recall: &fact})
		}
	}
	for _, ec := range config.Endpoints {
		if e := c.endpoints[ec.Name]; e.excluded != nil {
			again(failover.Selection{Endpoint: ec.Name, Excluded: e.excluded})
		}
	}
	for _, e := range c.core.Status().Endpoints {
		if e.Ordered != "" {
			again(failover.Order{Endpoint: e.Name, Input: e.Ordered, Pin: e.Pinned})
		}
	}
}
