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
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/activity"
	"github.com/liveorigin/caddy-live-origin/internal/output"
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
	clock     clock
	silent    string // object of text without cues, if there is one
	decisions []failover.Switch
	standing  *standing
	arrivals  arrivals
	// tracing: a Tracer is told of everything. stepped: the core knows of its
	// inputs what no checkpoint says.
	tracing, stepped bool
	activity         *activity.Notes // nil if nobody wants to look on
	// remarks are for those who look on.
	remarks map[remarkKey]*Remark
	// ids are the names of renditions towards viewers with what they stand for.
	ids map[string]string
	// spareBytes is what was counted at spareAt.
	spareBytes int64
	spareAt    time.Time

	// directory is for requests, which find their way without the lock.
	directory atomic.Pointer[directory]
}

// directory is where requests find inputs and endpoints. It is replaced with a change
// of config, never changed.
type directory struct {
	inputs    map[string]*input // none in a closed channel
	endpoints map[string]*endpoint
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
		standing:  &standing{},
		clock:     clock{opened: time.Now()},
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
	if err := c.recallStanding(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	c.reselect()
	for _, e := range c.endpoints {
		// Their views were made before it was known what encoders had announced.
		e.window.Render(e.announced())
	}
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
	core := config.core()
	if err := core.Validate(); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	// An endpoint that is taken out is dropped with all that it holds, one that comes
	// has to be there before the core decides for it.
	told := c.core.Take(c.now(), failover.Configured{Config: core})
	if err := c.configure(context.Background(), config); err != nil {
		return err
	}
	c.reselect()
	c.carryOut(c.now(), told)
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
		in.config.Store(&ic)
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
	c.directory.Store(&directory{inputs: inputs, endpoints: endpoints})
	for name, e := range c.endpoints {
		if endpoints[name] == nil {
			e.drop()
		}
	}
	if !config.Activity {
		c.activity = nil
	} else if c.activity == nil {
		c.activity = activity.New()
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
	c.trouble(c.forgetFacts())
}

// stop reports whether the channel was open.
func (c *Channel) stop() bool {
	if c.closed {
		return false
	}
	c.closed = true
	c.directory.Store(&directory{endpoints: c.endpoints})
	if c.timer != nil {
		c.timer.Stop()
	}
	return true
}

func (c *Channel) persistent() bool {
	p, ok := c.store.(store.Persistent)
	return ok && p.Persistent()
}

// trouble tells the observer of an error of the origin itself; nil is none.
func (c *Channel) trouble(err error) {
	if err != nil {
		c.outbox.trouble(c.name, err)
	}
}

// forgetFacts empties the journals of what encoders and operators said.
func (c *Channel) forgetFacts() error {
	err := c.standing.journal.forget(c.standing.journal.revision + 1)
	if j := c.arrivals.journal; j != nil {
		err = errors.Join(err, j.forget(j.revision+1))
	}
	return err
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
func (c *Channel) step(f failover.Fact) {
	now := c.now()
	c.tellClock(now)
	c.stepAt(now, f)
}

// stepAt does so as of another time: the core takes the fact, and what it decides is kept
// in the endpoint's journal before it is committed.
func (c *Channel) stepAt(now time.Time, f failover.Fact) {
	if _, ok := f.(failover.Selection); !ok {
		c.stepped = true
	}
	effects := c.core.Take(now, f)
	for _, ec := range c.config.Endpoints {
		for {
			d := c.core.Decide(now, ec.Name)
			if d.Slot == nil {
				break
			}
			if e := c.endpoints[ec.Name]; e != nil && !d.Slot.Unlisted {
				e.publish(*d.Slot)
				c.remember(d.Slot.Switch)
			}
			effects = append(effects, c.core.Commit(now, *d.Slot)...)
		}
	}
	c.activity.Follow(c.core, now, f, effects)
	c.carryOut(now, effects)
}

// carryOut does what the core wants done beside publishing.
func (c *Channel) carryOut(now time.Time, effects []failover.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case failover.InputChanged:
			if in := c.inputs[e.Input]; in != nil {
				in.up = e.Up
			}
		case failover.Ended:
			if ep := c.endpoints[e.Endpoint]; ep != nil {
				ep.end()
			}
		case failover.Released:
			for _, key := range e.Objects {
				c.objects.settle(key)
			}
			c.trouble(c.arrivals.settle(now, e.Objects))
		}
	}
	// Once for all slots of the step: after an outage there are many at a time.
	for _, ep := range c.endpoints {
		ep.refresh(now)
	}
	for _, effect := range effects {
		if e, ok := effect.(failover.Noticed); ok {
			c.remark(noticeOf(e))
		}
		c.outbox.send(c.name, effect)
	}
	c.arm(now)
}

// arm sets the timer to the core's next deadline.
func (c *Channel) arm(now time.Time) {
	at, ok := c.core.Deadline()
	if sweep := c.sweepAt(now); !sweep.IsZero() && (!ok || sweep.Before(at)) {
		at, ok = sweep, true
	}
	if !ok {
		if c.timer != nil {
			c.timer.Stop()
		}
		return
	}
	wait := max(0, at.Sub(now))
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
func (c *Channel) View(name string) *output.View {
	e := c.directory.Load().endpoints[name]
	if e == nil {
		return nil
	}
	return e.window.View()
}
