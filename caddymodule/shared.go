package caddymodule

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
)

// live is what outlives configs: the open stores and the running channels of the
// process. They hold data only. Nothing in them belongs to a config except the observer,
// which is swapped when another config starts.
//
// caddy.UsagePool is not used, because it counts configs only. Here a request
// counts as well: Caddy cleans a config up while its requests are still running, so an
// upload may need its channel longer than the last config that names it. And a config that
// names the channel again meanwhile must find that same channel, not open a second one on
// the same journal.
var live = registry{
	stores:   map[string]*sharedStore{},
	channels: map[channelKey]*sharedChannel{},
}

type registry struct {
	// changing is held while a config starts or is cleaned up. current is the
	// config that started last.
	changing sync.Mutex
	current  *App
	// serving: there is a current config. It can be asked while the next one starts.
	serving atomic.Bool

	// mu guards the maps. It is never held while something is opened or closed.
	mu       sync.Mutex
	stores   map[string]*sharedStore
	channels map[channelKey]*sharedChannel
}

// channelKey says which channels of two configs are the same one. It holds no options, so
// that every option can be changed without loss of state.
type channelKey struct{ store, name string }

func (k channelKey) String() string { return "channel " + k.name + " on store " + k.store }

// lease counts the configs and requests that use something shared. The last one to leave
// closes it, and nobody can come in any more.
type lease struct{ users atomic.Int64 }

// acquire fails when there is nobody left: the thing is being closed.
func (l *lease) acquire() bool {
	for {
		n := l.users.Load()
		if n == 0 {
			return false
		}
		if l.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave reports whether that was the last user.
func (l *lease) leave() bool { return l.users.Add(-1) == 0 }

// ended reports whether nobody uses it any more.
func (l *lease) ended() bool { return l.users.Load() == 0 }

// sharedStore is an open store.
type sharedStore struct {
	lease
	identity string
	store    store.Store
	closed   chan struct{}
	room     *room
	// dividing guards what the channels are guaranteed, and when that was worked out.
	dividing sync.Mutex
	divided  time.Time
	division shares
	// options are those that the store has now; guarded by registry.changing.
	options string
}

// acquireStore returns the open store of the engine's identity, or opens it.
// registry.changing is held.
func (r *registry) acquireStore(e Engine, options string) (*sharedStore, error) {
	id := e.Identity()
	r.mu.Lock()
	s := r.stores[id]
	r.mu.Unlock()
	if s != nil {
		if s.acquire() {
			return s, nil
		}
		<-s.closed // a directory can only be locked once
	}
	st, err := e.Open(context.Background())
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s = &sharedStore{identity: id, store: st, options: options, room: newRoom(), closed: make(chan struct{})}
	s.users.Store(1)
	r.mu.Lock()
	r.stores[id] = s
	r.mu.Unlock()
	return s, nil
}

// release gives up one use.
func (s *sharedStore) release() {
	if !s.leave() {
		return
	}
	if err := s.store.Close(); err != nil {
		caddy.Log().Named("live_origin").Error("closing store failed", zap.String("store", s.identity), zap.Error(err))
	}
	live.mu.Lock()
	delete(live.stores, s.identity)
	live.mu.Unlock()
	close(s.closed)
}

// sharedChannel is a running channel.
type sharedChannel struct {
	lease
	key     channelKey
	channel *channel.Channel
	store   *sharedStore
	closed  chan struct{}
	// applied is what the channel was last told, traced the trace that it writes; guarded
	// by registry.changing.
	applied applied
	traced  *traceFile
	uploads uploads
	// admitted counts the uploads of inputs.
	admitted admission
	// capacity is what the config guarantees the channel of the store, 0 for an equal
	// share; lastUpload is when the last upload began, in Unix nanoseconds.
	capacity, lastUpload atomic.Int64
	unfinished           unfinished
	downloads            downloads
	// removed: a config without the channel has taken effect.
	removed atomic.Bool
}

// applied is what a config tells a channel.
type applied struct {
	config   channel.Config
	capacity int64
	trace    *Trace
	observer channel.Observer
	app      *App
}

// acquireChannel returns the running channel, or starts it. It takes over the
// caller's use of the store. One that is started writes the trace from its beginning.
// registry.changing is held.
func (r *registry) acquireChannel(key channelKey, config channel.Config, t *Trace, st *sharedStore) (*sharedChannel, error) {
	r.mu.Lock()
	c := r.channels[key]
	r.mu.Unlock()
	if c != nil {
		if c.acquire() {
			st.release() // the channel has a use of its own
			c.removed.Store(false)
			return c, nil
		}
		<-c.closed
	}
	c = &sharedChannel{key: key, store: st, closed: make(chan struct{}), applied: applied{config: config}}
	if err := c.start(config, t); err != nil {
		st.release()
		return nil, fmt.Errorf("start %s: %w", key, err)
	}
	c.users.Store(1)
	r.mu.Lock()
	r.channels[key] = c
	r.mu.Unlock()
	return c, nil
}

// start opens the channel, with the trace that a config names; nil for none.
func (c *sharedChannel) start(config channel.Config, t *Trace) (err error) {
	var tracer channel.Tracer
	if t != nil {
		if c.traced, err = openTrace(*t); err != nil {
			return err
		}
		tracer = c.traced
	}
	if c.channel, err = channel.Prepare(context.Background(), config, c.store.store, tracer); err != nil {
		if c.traced != nil {
			c.traced.close()
		}
		return err
	}
	c.channel.UseRoom(c.roomFor)
	return nil
}

// tell applies the config and the observer of a. registry.changing is held.
func (c *sharedChannel) tell(a applied) error {
	if err := c.trace(a.trace); err != nil {
		return fmt.Errorf("configure %s: %w", c.key, err)
	}
	if err := c.channel.Configure(a.config); err != nil {
		return fmt.Errorf("configure %s: %w", c.key, err)
	}
	c.capacity.Store(a.capacity)
	c.channel.Observe(a.observer)
	c.applied = a
	return nil
}

// release gives up one use.
func (c *sharedChannel) release() {
	if !c.leave() {
		return
	}
	if c.removed.Load() {
		c.channel.Remove()
	} else {
		c.channel.Close()
	}
	if c.traced != nil {
		c.traced.close()
	}
	forgetMetrics(c.key)
	live.mu.Lock()
	delete(live.channels, c.key)
	live.mu.Unlock()
	close(c.closed)
	c.store.release()
}
