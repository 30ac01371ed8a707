package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App is the part of `live_origin` that starts and stops with a config. It has no
// options and needs no place in a config: handlers bring it in.
//
// Its start is the moment at which a config takes effect: stores are opened,
// channels are started or given their new options. Before it, a config has touched nothing,
// so that one that is only validated or that is rejected leaves no trace. If another app
// then fails to start, what was changed is undone.
type App struct {
	ctx     caddy.Context
	logger  *zap.Logger
	emitter *emitter

	// channels and engines are what the handlers of this config name. They are complete
	// once the config is provisioned.
	channels []*channelUse
	engines  map[string]string // identity to options
	// compared: the handlers' paths were compared with each other.
	compared bool

	// ending is done when the config is about to end, and ends what would go on forever.
	ending context.Context
	end    context.CancelFunc

	once  sync.Once
	err   error
	begun atomic.Bool // err is final
	// waited is closed when it is, where somebody waits for it.
	waiting sync.Once
	waited  chan struct{}

	clock clockWatch

	// What follows is guarded by registry.changing. previous is the config that
	// this one replaced, as long as it is not cleaned up; undo leads back to it.
	previous *App
	undo     []func()
	gone     bool
}

// channelUse is a channel that a config names.
type channelUse struct {
	key     channelKey
	engine  Engine
	options string // of the engine
	spec    *Channel
	config  channel.Config
	// shared is set when the config starts.
	shared *sharedChannel
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "live_origin",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the app.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger = ctx, ctx.Logger()
	a.engines = map[string]string{}
	a.ending, a.end = context.WithCancel(context.Background())
	return registerMetrics(ctx.GetMetricsRegistry())
}

// use notes that a handler of this config has the channel. It touches nothing
// outside the config.
func (a *App) use(name string, spec *Channel, engine Engine, options string) (*channelUse, error) {
	id := engine.Identity()
	if known, ok := a.engines[id]; ok && known != options {
		return nil, fmt.Errorf("store %s is used with different options: %s and %s", id, known, options)
	}
	a.engines[id] = options
	key := channelKey{store: id, name: name}
	for _, u := range a.channels {
		if u.key != key {
			continue
		}
		if !reflect.DeepEqual(u.spec, spec) {
			return nil, fmt.Errorf("channel %s: is configured differently by another live_origin handler", name)
		}
		return u, nil
	}
	if err := a.checkTraceFile(key, spec.Trace); err != nil {
		return nil, fmt.Errorf("channel %s: trace: %w", name, err)
	}
	if a.emitter == nil {
		// Not in Provision: which of the two apps is loaded first is not certain. When a
		// handler comes, the HTTP app has loaded the events app.
		var err error
		if a.emitter, err = newEmitter(a.ctx); err != nil {
			return nil, err
		}
		a.emitter.atEnd(a.end)
	}
	u := &channelUse{key: key, engine: engine, options: options, spec: spec, config: spec.runtime(name)}
	a.channels = append(a.channels, u)
	return u, nil
}

// Start makes the config take effect.
func (a *App) Start() error { return a.commit() }

// Stop ends what would go on forever. What the config holds is given back in
// Cleanup, which is also called when the config failed to start.
func (a *App) Stop() error {
	a.end()
	return nil
}

// commit makes the config take effect, once. Apps start in no order, so requests
// call it as well.
func (a *App) commit() error {
	a.once.Do(func() {
		defer a.begun.Store(true)
		live.changing.Lock()
		defer live.changing.Unlock()
		if a.gone {
			a.err = errors.New("the config is no longer in use")
			return
		}
		if a.err = a.apply(); a.err != nil {
			a.rollBack()
			a.release()
			return
		}
		a.warnOfOtherStores(live.current)
		a.warnOfUnsetClock(time.Now())
		a.previous, live.current = live.current, a
		live.serving.Store(true)
	})
	return a.err
}

var errStarting = errors.New("the origin is starting")

// A viewer or a health check waits for a config that is taking effect. A reload is no reason
// to turn them away; a start that waits for other nodes is one.
const (
	startPatience  = 500 * time.Millisecond
	reloadPatience = 5 * time.Second
)

// inEffect is commit for those who can come back.
func (a *App) inEffect() error {
	if a.begun.Load() {
		return a.err
	}
	patience := startPatience
	if live.serving.Load() {
		patience = reloadPatience
	}
	// One waits for all: those who ask again and again may be many, and it may take long.
	a.waiting.Do(func() {
		a.waited = make(chan struct{})
		go func() {
			defer close(a.waited)
			_ = a.commit() // the error is kept
		}()
	})
	select {
	case <-a.waited:
		return a.err
	case <-time.After(patience):
		return errStarting
	}
}

// apply works in two steps: first what may fail and changes nothing for others, then the
// rest.
func (a *App) apply() error {
	if err := a.openChannels(); err != nil {
		return err
	}
	for _, u := range a.channels {
		c, before := u.shared, u.shared.applied
		if before.app != nil {
			a.undo = append(a.undo, func() {
				if err := c.tell(before); err != nil {
					a.logger.Error("returning to the previous config failed", zap.Error(err))
				}
			})
		}
		next := applied{config: u.config, capacity: u.spec.Capacity, trace: u.spec.Trace, observer: a.observe(u, before.observer), app: a}
		if before.app != nil {
			next.config = union(u.config, before.config)
			a.warnOfLongSegments(c, before.config, u.config)
		}
		if err := c.tell(next); err != nil {
			return err
		}
	}
	for _, u := range a.channels {
		a.reconfigureStore(u.shared.store, u.engine, u.options)
	}
	// Not before all of them are open: uploads wait for that.
	for _, u := range a.channels {
		u.shared.channel.Begin()
	}
	return nil
}

// openedAtOnce is how many channels are opened at a time: with several nodes, each one waits for
// the others to be heard.
const openedAtOnce = 32

// openChannels starts those that are not running.
func (a *App) openChannels() error {
	var opening errgroup.Group
	opening.SetLimit(openedAtOnce)
	for _, u := range a.channels {
		st, err := live.acquireStore(u.engine, u.options)
		if err != nil {
			_ = opening.Wait()
			return err
		}
		a.keepIn(st)
		u.boundUnlisted(st.store.Usage().Capacity)
		opening.Go(func() (err error) {
			u.shared, err = live.acquireChannel(u.key, u.config, u.spec.Trace, st)
			return err
		})
	}
	return opening.Wait()
}

func (a *App) reconfigureStore(s *sharedStore, e Engine, options string) {
	if s.options == options {
		return
	}
	err := errReopen
	if r, ok := e.(Reconfigurer); ok {
		err = r.Reconfigure(s.store)
	}
	if err != nil {
		a.logger.Warn("store keeps its options", zap.String("store", s.identity), zap.Error(err))
		return
	}
	before := s.options
	s.options = options
	if prev := live.current.engine(s.identity); prev != nil {
		a.undo = append(a.undo, func() {
			if r, ok := prev.(Reconfigurer); ok && r.Reconfigure(s.store) == nil {
				s.options = before
			}
		})
	}
}

// engine returns the config's engine of this identity, nil if it has none.
func (a *App) engine(identity string) Engine {
	if a == nil {
		return nil
	}
	for _, u := range a.channels {
		if u.key.store == identity {
			return u.engine
		}
	}
	return nil
}

// rollBack undoes what the config changed for others.
func (a *App) rollBack() {
	for _, undo := range slices.Backward(a.undo) {
		undo()
	}
	a.undo = nil
}

// release gives back all that the config uses.
func (a *App) release() {
	for _, u := range a.channels {
		if u.shared == nil {
			continue
		}
		if u.shared.applied.app == a {
			// Uploads may go on for a while, but nobody is left to be told: the
			// loggers of a config end with it.
			u.shared.channel.Observe(nil)
			u.shared.applied.observer, u.shared.applied.app = nil, nil
		}
		u.shared.release()
	}
}

// leaveBehind marks the channels that the next config does not have. When the process
// ends there is none, and channels on a durable store keep what they hold.
func (a *App) leaveBehind(next *App) {
	for _, u := range a.channels {
		if u.shared != nil && !next.has(u.key) {
			u.shared.removed.Store(true)
		}
	}
}

// Cleanup gives back what the config uses. If it is the one that started last and the
// previous one is still there, then this config was rejected after its start, and the
// previous one is in force again.
func (a *App) Cleanup() error {
	if a.end != nil {
		a.end()
	}
	live.changing.Lock()
	defer live.changing.Unlock()
	if a.gone {
		return nil
	}
	a.gone = true
	switch {
	case live.current == a:
		if a.previous != nil {
			a.rollBack()
		} else {
			a.reportCut()
		}
		live.current = a.previous
		live.serving.Store(live.current != nil)
		var next *emitter
		if a.previous != nil {
			next = a.previous.emitter
		}
		a.emitter.retire(next)
	case live.current != nil && live.current.previous == a:
		live.current.settle()
		a.leaveBehind(live.current)
	}
	a.previous, a.undo = nil, nil
	if a.err == nil {
		a.release()
	}
	return nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
