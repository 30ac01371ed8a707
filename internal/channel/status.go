package channel

import (
	"errors"
	"slices"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// ErrUnknown: the channel has no endpoint or no input of this name.
var ErrUnknown = errors.New("no such endpoint or input")

// Status describes the channel at this moment.
func (c *Channel) Status() failover.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.core.Status()
}

// Order asks for an endpoint to go to an input, with the next slot that the input
// has whole; see failover.Order. An empty input takes back what was ordered.
// Errors: ErrUnknown, ErrClosed.
func (c *Channel) Order(endpoint, input string, pin bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if c.endpoints[endpoint] == nil || input != "" && c.inputs[input] == nil {
		return ErrUnknown
	}
	order := failover.Order{Endpoint: endpoint, Input: input, Pin: pin}
	c.step(order)
	if !pin {
		order.Input = "" // once is once
	}
	c.trouble(c.standing.say(standingEntry{Order: &order}))
	return nil
}

// maxDecisions is how many decisions a channel remembers.
const maxDecisions = 1000

// Decisions are the last changes of an active input, the oldest first.
func (c *Channel) Decisions() []failover.Switch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.decisions)
}

// remember keeps a decision.
func (c *Channel) remember(s *failover.Switch) {
	if s == nil {
		return
	}
	if len(c.decisions) == maxDecisions {
		c.decisions = slices.Delete(c.decisions, 0, 1)
	}
	c.decisions = append(c.decisions, *s)
}

// sortDecisions puts what the journals of several endpoints hold in order.
func (c *Channel) sortDecisions() {
	slices.SortStableFunc(c.decisions, func(a, b failover.Switch) int { return a.Time.Compare(b.Time) })
}
