// Package channel is the runtime of one channel: it ties the failover core to a
// store, a timer and the views that viewers read.
//
// Uploads become facts, facts go into the core, and what the core decides is carried out in
// order: the slot gets its place in the endpoint's journal and in its window; once the channel's
// lock is released, what the journals got is written, then the endpoint's view is swapped, then the
// observer is told.
package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Channel is one running channel. Its methods are safe for concurrent use.
type Channel struct {
	*desk

	// mu orders facts, decisions and their effects.
	mu        sync.Mutex
	closed    bool
	config    Config
	inputs    map[string]*input
	ordered   []*input // as the config has them
	endpoints map[string]*endpoint
	timer     *time.Timer
	// background does what the timer left to do.
	background background
	// prepared: nobody can send anything yet, so nothing is decided.
	prepared bool
	// telling: what the core is told is not all yet, so nothing is decided.
	telling bool
	// recalling: the core is being told what an earlier process had taken.
	recalling bool
	// waiting: there is something to decide that may be for another node to decide.
	waiting bool
	// soon: there was more to do than is done at once.
	soon bool
	// tracing: a Tracer is told everything. stepped: the core knows things about its inputs
	// that no checkpoint says.
	tracing, stepped bool
	traces           *traces
	activity         *activity.Notes // nil if nobody watches

	// directory is for requests, which look things up without the lock.
	directory atomic.Pointer[directory]
}

// directory is where requests find inputs and endpoints. It is replaced when the config
// changes, never modified.
type directory struct {
	inputs    map[string]*input // none in a closed channel
	endpoints map[string]*endpoint
}

// Open starts the channel on a store, which outlives it. What the store's journals hold
// from an earlier process is served again.
func Open(ctx context.Context, config Config, st store.Store) (*Channel, error) {
	c, err := Prepare(ctx, config, st, nil)
	if err != nil {
		return nil, err
	}
	c.Begin()
	return c, nil
}

// Prepare opens the channel as Open does, for a process that does not take uploads yet. Until
// Begin, viewers get what was published, and nothing is decided here: encoders that cannot send
// are not late. Where others run the channel as well, they decide meanwhile. The tracer, nil for
// none, is told all that reaches the core, what the store holds included.
func Prepare(ctx context.Context, config Config, st store.Store, t Tracer) (*Channel, error) {
	core, err := failover.New(config.core())
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", config.Name, err)
	}
	c := &Channel{
		desk:      newDesk(config.Name, st, core),
		inputs:    map[string]*input{},
		endpoints: map[string]*endpoint{},
	}
	c.channel = c
	c.traces = newTraces(c.Checkpoint)
	if err := c.join(ctx, config); err != nil {
		return nil, fmt.Errorf("channel %s: %w", config.Name, err)
	}
	if err := c.open(ctx, config, t); err != nil {
		if c.nodes != nil {
			c.nodes.leave()
		}
		return nil, err
	}
	if c.nodes != nil {
		c.nodes.begin()
	}
	return c, nil
}

// Begin says that uploads are taken from now on: from here the time counts in which inputs
// have to send again. The observer is told what was decided so far. It does nothing to a
// channel that has begun.
func (c *Channel) Begin() {
	c.mu.Lock()
	defer c.unlock()
	c.outbox.events.open()
	if c.closed || !c.prepared {
		return
	}
	c.prepared = false
	if c.arrivals.journal == nil {
		c.step(failover.Tick{})
		return
	}
	c.step(failover.Resumed{})
}

func (c *Channel) open(ctx context.Context, config Config, t Tracer) error {
	c.mu.Lock()
	defer c.unlock()
	if t != nil {
		c.traceTo(t)
		c.trace(failover.Record{Time: c.now(), Open: &failover.Opening{Config: config.core(), Shared: c.nodes != nil}})
	}
	// All of what is recalled is to be in the trace. There is no more of it than in the journals.
	c.traces.records.bound(0)
	defer c.traces.records.bound(tracesSize)
	return c.restore(ctx, config)
}

// restore takes over what the store holds from an earlier process. The lock is held.
func (c *Channel) restore(ctx context.Context, config Config) error {
	if err := c.objects.takeStock(ctx); err != nil {
		return fmt.Errorf("channel %s: list objects: %w", c.name, err)
	}
	if err := c.configure(ctx, config); err != nil {
		return err
	}
	c.decisions.sort()
	recall := recall{c.desk, c.inputs}
	c.recalling = true
	if err := recall.stood(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	c.dropOrders()
	c.reselect()
	for _, e := range c.endpoints {
		// Their views were made before it was known what encoders had announced.
		e.render(c.ordered)
		c.objects.supplyWindow(e.window.Slots())
	}
	if err := recall.arrived(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	c.recalling = false
	if c.arrivals.journal != nil {
		c.step(failover.Resumed{})
		recall.fragments(ctx)
	}
	if err := c.objects.dropOrphans(ctx); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	c.prepared = true
	return nil
}

// Configure applies another config to the running channel. What was published stays;
// changed options apply from the next slot on.
func (c *Channel) Configure(config Config) error {
	c.mu.Lock()
	// Other channels wait for this one to have the config, so it does not wait for a disk; but an endpoint that
	// is removed may be back with the next config, and then reads its journal.
	leave := c.unlockLater
	if c.removes(config) {
		leave = c.unlock
	}
	defer leave()
	if c.closed {
		return ErrClosed
	}
	core := config.core()
	if err := core.Validate(); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	if c.prepared {
		// Opening the other channels took a while, in which no input could send.
		c.step(failover.Resumed{})
	}
	if err := c.tryJournals(config); err != nil {
		return err
	}
	// An endpoint that was removed is dropped with all that it holds; a new one has to be
	// there before the core decides for it.
	gone, added, had := c.leaving(config), c.adds(config), c.endpoints
	told := append(gone, c.tell(c.now(), failover.Configured{Config: core})...)
	if err := c.configure(context.Background(), config); err != nil {
		return err
	}
	c.reselect()
	c.carryOut(c.now(), told)
	c.dropOrders()
	if c.nodes != nil && added {
		c.nodes.relearn() // its encoder may have begun at a node that had this config earlier
	}
	if c.nodes != nil {
		c.nodes.takeUp(had)
	}
	c.step(failover.Tick{})
	return nil
}

// tryJournals reads the journals of the endpoints that a config adds: if one can't be read, nothing has
// changed. What an endpoint that was taken out has left is a few records.
func (c *Channel) tryJournals(config Config) error {
	for _, ec := range config.Endpoints {
		if c.endpoints[ec.Name] != nil {
			continue
		}
		_, err := openJournal(context.Background(), c.journals, c.name+"/"+ec.Name, "slots", nil, nil, func(_ uint64, r record) error { return r.readable() })
		if err != nil {
			return fmt.Errorf("channel %s: endpoint %s: %w", c.name, ec.Name, err)
		}
	}
	return nil
}

// adds reports whether a config has an input that the channel does not have yet.
func (c *Channel) adds(config Config) bool {
	return slices.ContainsFunc(config.Inputs, func(ic InputConfig) bool { return c.inputs[ic.Name] == nil })
}

// removes reports whether a config lacks an endpoint that the channel has.
func (c *Channel) removes(config Config) bool {
	for name := range c.endpoints {
		if !slices.ContainsFunc(config.Endpoints, func(ec EndpointConfig) bool { return ec.Name == name }) {
			return true
		}
	}
	return false
}

// leaving says of inputs that deliver and are not in the config any more that they are down.
func (c *Channel) leaving(config Config) []failover.Effect {
	var list []failover.Effect
	for _, in := range c.core.Status().Inputs {
		if in.Up && !slices.ContainsFunc(config.Inputs, func(ic InputConfig) bool { return ic.Name == in.Name }) {
			list = append(list, failover.InputChanged{Time: c.now(), Input: in.Name, Reason: "removed", Last: in.LastSegment})
		}
	}
	return list
}

// configure brings inputs and endpoints in line with the config.
func (c *Channel) configure(ctx context.Context, config Config) error {
	inputs := map[string]*input{}
	var ordered []*input
	var fresh []string
	for _, ic := range config.Inputs {
		in := c.inputs[ic.Name]
		if in == nil {
			in = newInput(c.desk, ic.Name)
			fresh = append(fresh, ic.Name)
		}
		in.config.Store(&ic)
		in.limitTexts(ic.MaxPlaylistSize)
		inputs[ic.Name] = in
		ordered = append(ordered, in)
	}
	for name, in := range c.inputs {
		if inputs[name] == nil {
			in.unbind()
		}
	}
	endpoints := map[string]*endpoint{}
	for _, ec := range config.Endpoints {
		e := c.endpoints[ec.Name]
		if e == nil {
			var err error
			if c.nodes != nil {
				c.outbox.trouble(c.nodes.beginEmpty(ctx, ec.Name))
			}
			if e, err = openEndpoint(ctx, c.desk, ec); err != nil {
				return fmt.Errorf("channel %s: endpoint %s: %w", c.name, ec.Name, err)
			}
			e.render(ordered) // what it served when it was taken out of the config
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
	c.config, c.inputs, c.ordered, c.endpoints = config, inputs, ordered, endpoints
	recall := recall{c.desk, inputs}
	for _, name := range fresh {
		recall.multivariants(name)
	}
	return nil
}

// Close stops the timer and, in a store that does not outlive the process anyway, frees
// what the channel holds. Later uploads fail with ErrClosed.
func (c *Channel) Close() {
	c.stop(func() {
		if !c.persistent() {
			c.objects.drop()
		}
	})
}

// Remove closes a channel that was taken out of the config: what it holds is freed in
// any store. Journals keep only the last numbers.
func (c *Channel) Remove() {
	c.stop(func() {
		for _, e := range c.endpoints {
			e.drop()
		}
		c.objects.drop()
		c.outbox.trouble(c.forgetFacts())
	})
}

// stop ends a channel that is open, and frees what it is not to leave behind. The store may be closed
// after that: nobody writes any more.
func (c *Channel) stop(free func()) {
	if c.nodes != nil {
		c.nodes.drain()
		defer c.nodes.leave()
	}
	defer c.background.wait()
	c.mu.Lock()
	defer c.unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.directory.Store(&directory{endpoints: c.endpoints})
	if c.timer != nil {
		c.timer.Stop()
	}
	for _, e := range c.endpoints {
		e.window.Rest()
	}
	// The store may be closed next.
	c.unfinished.write(c.backlogs()...)
	free()
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
