package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

func init() {
	caddy.RegisterModule(new(emitter))
}

// The events, as `events { on <name> ... }` of a Caddyfile names them.
const (
	eventInputUp     = "live_input_up"
	eventInputDown   = "live_input_down"
	eventFailover    = "live_failover"
	eventChannelUp   = "live_channel_up"
	eventChannelDown = "live_channel_down"
	eventStoreFull   = "live_store_full"
	eventPatched     = "live_patched"
	eventDegraded    = "live_degraded"
	eventProtected   = "live_protected"
	eventUnprotected = "live_unprotected"
)

// emitter hands events to the events app of one config.
type emitter struct {
	ctx     caddy.Context
	app     *caddyevents.App
	once    sync.Once
	started chan struct{}
	// stopping is called when the config is about to end. Caddy says so before it
	// stops the apps; the HTTP app may be stopped first, and waits for its requests.
	stopping func()
}

// emitting is the emitter of the config in force: the one whose apps have all
// started. During a reload that is the old one for a while, although the channels
// have their new options already: the events app of the new one may not have its
// subscribers yet, and adds them without a lock.
var emitting atomic.Pointer[emitter]

// CaddyModule returns the Caddy module information. It is the origin of events:
// whoever subscribes to those of `live_origin` gets them.
func (*emitter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "live_origin.events", New: func() caddy.Module { return new(emitter) }}
}

// newEmitter returns nil if the config has no events app. One with an HTTP app always has
// one.
//
// The emitter is a module loaded in a context of its own for the sake of the
// events' origin: Caddy takes it from the context's list of modules, and the list
// in the context of any other module shares its memory with those of modules
// that are loaded later, which overwrite it. The context ends with ctx.
func newEmitter(ctx caddy.Context) (*emitter, error) {
	own, _ := caddy.NewContext(ctx)
	em, err := own.LoadModuleByID("live_origin.events", nil)
	if err != nil {
		return nil, err
	}
	if em := em.(*emitter); em.app != nil {
		return em, nil
	}
	return nil, nil
}

// Provision sets up the emitter.
func (em *emitter) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("events")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("loading events app: %w", err)
	}
	em.ctx, em.app, em.started = ctx, app.(*caddyevents.App), make(chan struct{})
	for _, name := range []string{"started", "stopping"} {
		if err := em.app.On(name, em); err != nil {
			return fmt.Errorf("subscribing to the start and the end of the config: %w", err)
		}
	}
	return nil
}

// atEnd says what to do when the config is about to end. It is called before the
// config starts.
func (em *emitter) atEnd(f func()) {
	if em != nil {
		em.stopping = f
	}
}

// Handle implements caddyevents.Handler: the config has started, or is about to end.
func (em *emitter) Handle(_ context.Context, e caddy.Event) error {
	if e.Name() == "stopping" {
		em.stopping()
		return nil
	}
	em.once.Do(func() {
		emitting.Store(em)
		close(em.started)
	})
	return nil
}

// emit emits an event through the config in force. At the first start of the process there
// is none yet; then it waits for its own config. A config that is being cleaned up emits
// nothing: its handlers are on their way out. Events that are under way then are not waited
// for, as a handler may be what asked for the reload.
func (em *emitter) emit(name string, data map[string]any) {
	if em == nil {
		return
	}
	target := emitting.Load()
	if target == nil {
		select {
		case <-em.started:
		case <-em.ctx.Done():
		}
		target = em
	}
	if target.ctx.Err() != nil || !target.app.ShouldEmit(name) {
		return
	}
	target.app.Emit(target.ctx, name, data)
}

// retire ends the use of a config's emitter, if it is the one in force. next is that of the
// config that is in force again, or nil.
func (em *emitter) retire(next *emitter) {
	if em != nil {
		emitting.CompareAndSwap(em, next)
	}
}

// storeFull reports that an upload was lost because even giving up what can be spared did
// not make room for it. It does so off the path of the request.
func (a *App) storeFull(rt *route) {
	s := rt.use.shared.store
	silenced, ok := s.room.full.pass(struct{}{})
	if !ok {
		return
	}
	usage := s.store.Usage()
	go a.emitter.emit(eventStoreFull, map[string]any{
		"time": timestamp(time.Now()), "store": s.identity, "bytes": usage.Bytes, "capacity": usage.Capacity,
		"channel": rt.channel, "input": rt.input.Name, "silenced": silenced,
	})
}

// announcer turns what happens in one channel into events.
type announcer struct {
	emitter *emitter
	log     *observer
	key     channelKey
	inputs  []string
	up      *upInputs
	quiet   *throttle
}

// upInputs is which inputs of a channel are up, as far as events have told. The observers
// of a channel hand it on from config to config.
type upInputs struct {
	mu      sync.Mutex
	names   map[string]bool
	channel bool
}

func newAnnouncer(em *emitter, log *observer, u *channelUse, before channel.Observer) *announcer {
	a := &announcer{emitter: em, log: log, key: u.key, quiet: newThrottle(quietInterval)}
	for _, in := range u.config.Inputs {
		a.inputs = append(a.inputs, in.Name)
	}
	if o, ok := before.(*channelObserver); ok {
		a.up = o.announcer.up
		return a
	}
	a.up = &upInputs{names: map[string]bool{}}
	// A channel that was already there may have had no listener for a while.
	for _, in := range u.shared.channel.Status().Inputs {
		a.up.names[in.Name] = in.Up
		a.up.channel = a.up.channel || in.Up
	}
	return a
}

func (a *announcer) event(e failover.Effect) {
	switch e := e.(type) {
	case failover.Published:
		s := e.Slot.Switch
		switch {
		case s.Changed():
			d := decisionOf(*s)
			a.emit(eventFailover, d.event())
		case s.Patched():
			d := decisionOf(*s)
			a.emit(eventPatched, d.event())
		}
	case failover.Degraded:
		a.degraded(e)
	case failover.SegmentMissed:
		if d, ok := e.Missing.Defect(); ok {
			a.degraded(failover.Degraded{
				Time: e.Time, Input: e.Input, Rendition: e.Missing.Rendition, Segment: e.Missing.Segment, Defects: []failover.Defect{d},
			})
		}
	case failover.ProtectionChanged:
		name := eventProtected
		if !e.Protected {
			name = eventUnprotected
		}
		a.emit(name, map[string]any{"time": timestamp(e.Time), "endpoint": e.Endpoint, "why": e.Why})
	case failover.InputChanged:
		a.inputChanged(e)
	}
}

// degraded reports bad media, each kind at most once in 10 s.
func (a *announcer) degraded(e failover.Degraded) {
	words := joined(e.Defects)
	silenced, ok := a.quiet.pass(missKey{from: e.Input, rendition: e.Rendition, why: words})
	if !ok {
		return
	}
	a.emit(eventDegraded, map[string]any{
		"time": timestamp(e.Time), "input": e.Input, "rendition": e.Rendition, "segment": e.Segment, "defects": words,
		"detail": e.Detail, "silenced": silenced,
	})
}

func (a *announcer) emit(name string, data map[string]any) {
	data["channel"], data["store"] = a.key.name, a.key.store
	a.emitter.emit(name, data)
}

func (a *announcer) inputChanged(e failover.InputChanged) {
	input, whole := eventInputUp, eventChannelUp
	if !e.Up {
		input, whole = eventInputDown, eventChannelDown
	}
	changed := a.up.change(e, a.inputs)
	if changed {
		a.log.channelChanged(a.key.name, e)
	}
	// The input's event comes first, so that the reason is known before the
	// alarm.
	a.emit(input, inputData(e))
	if changed {
		a.emit(whole, inputData(e))
	}
}

// change records the change and reports whether the channel has gone up or
// down with it. Inputs that are not in the config do not count.
func (u *upInputs) change(e failover.InputChanged, configured []string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.names[e.Input] = e.Up
	any := slices.ContainsFunc(configured, func(name string) bool { return u.names[name] })
	if any != e.Up || any == u.channel {
		return false
	}
	u.channel = any
	return true
}

func inputData(e failover.InputChanged) map[string]any {
	data := map[string]any{"time": timestamp(e.Time), "input": e.Input}
	if !e.Up {
		data["reason"], data["last_segment"] = e.Reason, timestamp(e.Last)
	}
	return data
}

// timestamp is empty for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Interface guards
var (
	_ caddy.Provisioner   = (*emitter)(nil)
	_ caddyevents.Handler = (*emitter)(nil)
)
