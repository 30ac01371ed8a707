// Package channel is the runtime of one channel: it ties the failover core to a
// store, a timer and the views that viewers read.
//
// Uploads become facts, facts go into the core, and what the core decides is
// carried out in order: the slot is written to the endpoint's journal, then the
// endpoint's view is swapped, then the observer is told.
package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// ErrClosed: the channel was closed.
var ErrClosed = errors.New("channel is closed")

// Channel is one running channel. Its methods may be called by many goroutines.
type Channel struct {
	name    string
	store   store.Store
	objects *objects
	outbox  outbox

	// mu orders facts, decisions and their effects.
	mu        sync.Mutex
	closed    bool
	config    Config
	core      *failover.Channel
	inputs    map[string]*input
	endpoints map[string]*endpoint
	timer     *time.Timer
	decisions []failover.Switch
	standing  standing
	arrivals  arrivals
	// tracing: a Tracer is told of everything. stepped: the core knows of its
	// inputs what no checkpoint says.
	tracing, stepped bool
	activity         *Activity // nil if nobody wants to look on
	// ids are the names of renditions towards viewers with what they stand for.
	ids map[string]string
	// spareBytes is what was counted at spareAt.
	spareBytes int64
	spareAt    time.Time

	// byName is endpoints for those who only read views.
	byName sync.Map
}

// Open starts the channel on a store, which outlives it. What the store's
// journals hold of an earlier life is served again.
func Open(ctx context.Context, config Config, st store.Store) (*Channel, error) {
	core, err := failover.New(config.core())
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", config.Name, err)
	}
	c := &Channel{
		name:      config.Name,
		store:     st,
		objects:   newObjects(st, config.Name),
		core:      core,
		inputs:    map[string]*input{},
		endpoints: map[string]*endpoint{},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.restore(ctx, config); err != nil {
		return nil, err
	}
	return c, nil
}

// restore takes over what the store holds of an earlier life. The lock is held.
func (c *Channel) restore(ctx context.Context, config Config) error {
	if err := c.objects.takeStock(ctx); err != nil {
		return fmt.Errorf("channel %s: list objects: %w", c.name, err)
	}
	if err := c.configure(ctx, config); err != nil {
		return err
	}
	c.sortDecisions()
	if err := c.openStanding(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	c.reselect()
	if err := c.openArrivals(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	return c.dropOrphans(ctx)
}

// Configure applies another config to the running channel. What was published
// stays; other options hold from the next slot on.
func (c *Channel) Configure(config Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	now, core := time.Now(), config.core()
	if err := c.core.Reconfigure(now, core); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	if c.tracing {
		c.outbox.trace(failover.Record{Time: now, Reconfigure: &core})
	}
	if err := c.configure(context.Background(), config); err != nil {
		return err
	}
	c.reselect()
	c.step(failover.Tick{})
	return nil
}

// configure brings inputs and endpoints in line with the config.
func (c *Channel) configure(ctx context.Context, config Config) error {
	inputs := map[string]*input{}
	var fresh []string
	for _, ic := range config.Inputs {
		in := c.inputs[ic.Name]
		if in == nil {
			in = newInput()
			fresh = append(fresh, ic.Name)
		}
		in.config = ic
		in.limitTexts(ic.MaxPlaylistSize)
		inputs[ic.Name] = in
	}
	for name, in := range c.inputs {
		if inputs[name] == nil {
			c.unbind(in)
		}
	}
	endpoints := map[string]*endpoint{}
	for _, ec := range config.Endpoints {
		e := c.endpoints[ec.Name]
		if e == nil {
			var err error
			if e, err = c.openEndpoint(ctx, ec); err != nil {
				return fmt.Errorf("channel %s: endpoint %s: %w", c.name, ec.Name, err)
			}
		}
		e.config = ec
		endpoints[ec.Name] = e
	}
	for name, e := range c.endpoints {
		if endpoints[name] == nil {
			c.byName.Delete(name)
			e.drop()
		}
	}
	for name, e := range endpoints {
		c.byName.Store(name, e)
	}
	if !config.Activity {
		c.activity = nil
	} else if c.activity == nil {
		c.activity = newActivity()
	}
	c.config, c.inputs, c.endpoints = config, inputs, endpoints
	for _, name := range fresh {
		c.recallMultivariant(name)
	}
	return nil
}

// Close stops the timer and, in a store that forgets with its process anyway,
// frees what the channel holds. Uploads that come later fail with ErrClosed.
func (c *Channel) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop() && !c.persistent() {
		c.objects.drop()
	}
}

// Remove closes a channel that was taken out of the config: what it holds is freed in
// any store. Journals keep no more than the last numbers.
func (c *Channel) Remove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stop() {
		return
	}
	for _, e := range c.endpoints {
		e.drop()
	}
	c.objects.drop()
	if err := c.forgetFacts(context.Background()); err != nil {
		c.outbox.trouble(c.name, err)
	}
}

// stop reports whether the channel was open.
func (c *Channel) stop() bool {
	if c.closed {
		return false
	}
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	return true
}

func (c *Channel) persistent() bool {
	p, ok := c.store.(store.Persistent)
	return ok && p.Persistent()
}

// forgetFacts empties the journals of what encoders and operators said.
func (c *Channel) forgetFacts(ctx context.Context) error {
	err := c.standing.journal.Forget(ctx, c.standing.revision+1)
	if a := c.arrivals; a.journal != nil {
		err = errors.Join(err, a.journal.Forget(ctx, a.revision+1))
	}
	if err != nil {
		return fmt.Errorf("empty journals: %w", err)
	}
	return nil
}

// Observe sets who is told of what happens, from the next event on; nil for
// nobody. Events come in order, one at a time, from a goroutine of the channel's
// own: never on the path of a request.
func (c *Channel) Observe(o Observer) { c.outbox.observe(o) }

// apply lets a fact into the core and carries out what it decides.
func (c *Channel) apply(f failover.Fact) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.step(f)
	return nil
}

// step does the same with the lock held.
func (c *Channel) step(f failover.Fact) { c.stepAt(time.Now(), f) }

// stepAt does so as of another time.
func (c *Channel) stepAt(now time.Time, f failover.Fact) {
	if c.tracing {
		c.outbox.trace(failover.RecordOf(now, f))
	}
	if _, ok := f.(failover.Selection); !ok {
		c.stepped = true
	}
	effects := c.core.Step(now, f)
	c.activity.follow(c.core, now, f, effects)
	for _, effect := range effects {
		switch e := effect.(type) {
		case failover.Published:
			if c.tracing {
				c.outbox.trace(failover.RecordOfSlot(e.Slot))
			}
			c.remember(e.Slot.Switch)
			if ep := c.endpoints[e.Slot.Endpoint]; ep != nil {
				ep.publish(e.Slot)
			}
		case failover.Ended:
			if ep := c.endpoints[e.Endpoint]; ep != nil {
				ep.end()
			}
		case failover.Released:
			for _, key := range e.Objects {
				c.objects.settle(key)
			}
			c.settleArrivals(now, e.Objects)
		}
	}
	// Once for all slots of the step: after an outage there are many at a time.
	for _, ep := range c.endpoints {
		ep.refresh(now)
	}
	for _, effect := range effects {
		c.outbox.send(c.name, effect)
	}
	c.arm()
}

// arm sets the timer to the core's next deadline.
func (c *Channel) arm() {
	at, ok := c.core.Deadline()
	if sweep := c.sweepAt(time.Now()); !sweep.IsZero() && (!ok || sweep.Before(at)) {
		at, ok = sweep, true
	}
	if !ok {
		if c.timer != nil {
			c.timer.Stop()
		}
		return
	}
	wait := max(0, time.Until(at))
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.wake)
		return
	}
	c.timer.Reset(wait)
}

func (c *Channel) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.sweepUnlisted()
	c.step(failover.Tick{})
}

// View returns what the endpoint serves at this moment, nil if there is no such
// endpoint. It takes no lock.
func (c *Channel) View(name string) *View {
	e, ok := c.byName.Load(name)
	if !ok {
		return nil
	}
	return e.(*endpoint).view.Load()
}
