package channel

import "github.com/liveorigin/caddy-live-origin/failover"

// Tracer writes down what reaches the core, so that it can be replayed.
type Tracer interface {
	// Trace takes the next record, in order, from the goroutine that tells the
	// observer. The record must not be changed.
	Trace(r failover.Record)
	// Lost tells that records are missing here, because the tracer is too slow.
	Lost()
}

// Trace sets who writes down what reaches the core from now on, beginning with a
// checkpoint; nil for nobody.
func (c *Channel) Trace(t Tracer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbox.traceTo(t)
	c.tracing = t != nil
	c.core.Trace(nil)
	if c.tracing {
		c.core.Trace(c.outbox.trace)
	}
	c.checkpoint(false)
}

// Checkpoint records what a replay needs to begin here. continues tells that no
// record is missing before it.
func (c *Channel) Checkpoint(continues bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkpoint(continues)
}

func (c *Channel) checkpoint(continues bool) {
	if !c.tracing {
		return
	}
	now := c.now()
	config := c.config.core()
	c.outbox.trace(failover.Record{Time: now, Open: &failover.Opening{Config: config, Partial: c.stepped, Continues: continues}})
	if c.clock.ahead != 0 {
		c.outbox.trace(failover.RecordOf(now, failover.Clock{Ahead: c.clock.ahead}))
	}
	for _, ec := range config.Endpoints {
		if e := c.endpoints[ec.Name]; e.decided != nil {
			c.outbox.trace(failover.Record{Time: now, Restore: e.decided})
		}
	}
	for _, entry := range c.standing.inOrder() {
		if entry.Multivariant == nil {
			continue
		}
		if fact, _, ok := c.readMultivariant(entry.Multivariant); ok {
			c.outbox.trace(failover.Record{Time: now, Recall: &fact})
		}
	}
	for _, ec := range config.Endpoints {
		if e := c.endpoints[ec.Name]; e.excluded != nil {
			c.outbox.trace(failover.RecordOf(now, failover.Selection{Endpoint: ec.Name, Excluded: e.excluded}))
		}
	}
	for _, e := range c.core.Status().Endpoints {
		if e.Ordered != "" {
			c.outbox.trace(failover.RecordOf(now, failover.Order{Endpoint: e.Name, Input: e.Ordered, Pin: e.Pinned}))
		}
	}
}

// remains is what a restored core has to know of a slot.
func remains(s failover.Slot) *failover.Slot {
	s.Switch = nil
	renditions := make([]failover.SlotRendition, len(s.Renditions))
	for i, r := range s.Renditions {
		r.Parts = partsUnless(r.Gap(), lastObject(r))
		renditions[i] = r
	}
	s.Renditions = renditions
	return &s
}
