package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// keptStore is a store in memory that does not forget what encoders send once: the
// journals of standing facts, some kB in each channel, lie in Caddy's own storage as
// well. They are read when a channel is opened, and written after the requests that change
// them, so that slow storage holds nobody up.
type keptStore struct {
	*memory.Store

	mu      sync.Mutex
	storage certmagic.Storage // nil as long as nothing is kept
	dirty   map[string]*keptJournal
	rests   map[string]time.Time // until when a journal is not written again
	closed  bool
	// saving is held by whoever writes.
	saving sync.Mutex
}

// keptJournal is a journal of such a store.
type keptJournal struct {
	store.Journal
	of   *keptStore
	name string
}

// keptRecords is what is in the storage.
type keptRecords struct {
	Saved   time.Time `json:"saved"`
	Records [][]byte  `json:"records"`
}

const (
	// keepDelay is how long changes are gathered before they are written.
	keepDelay = 200 * time.Millisecond
	// keepRate is how much is written of one channel in the long run, in bytes per
	// second. The whole journal is written each time, usually a few kB, so that of an
	// encoder that keeps sending new large sections is written less often.
	keepRate = 256 << 10
	// keepRetry is how long to wait after a journal could not be written.
	keepRetry = time.Minute
	// keepTimeout bounds one access to the storage.
	keepTimeout = 10 * time.Second
	// keepAge is how long they are of use: no encoder is silent for longer and then goes on
	// as if nothing had happened.
	keepAge = 7 * 24 * time.Hour
)

// clockUnset is before any time that a clock shows which has been set.
var clockUnset = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

func newKeptStore(capacity int64) *keptStore {
	return &keptStore{Store: memory.Open(capacity), dirty: map[string]*keptJournal{}, rests: map[string]time.Time{}}
}

// use sets the storage from now on, and returns the previous one.
func (s *keptStore) use(storage certmagic.Storage) (before certmagic.Storage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.storage = s.storage, storage
	return before
}

// Journal implements store.Store.
func (s *keptStore) Journal(ctx context.Context, name string) (store.Journal, error) {
	journal, err := s.Store.Journal(ctx, name)
	if err != nil || !strings.HasSuffix(name, channel.StandingFacts) {
		return journal, err
	}
	if last, err := journal.Last(ctx); err == nil && last == 0 {
		if err := s.load(journal, name); err != nil {
			// Without it a restart waits for what encoders will send again.
			keptLogger().Warn("restoring encoder state failed", zap.String("journal", name), zap.Error(err))
		}
	}
	return &keptJournal{Journal: journal, of: s, name: name}, nil
}

func (s *keptStore) load(journal store.Journal, name string) error {
	s.mu.Lock()
	storage := s.storage
	s.mu.Unlock()
	if storage == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	key, err := keptKey(name)
	if err != nil {
		return err
	}
	text, err := storage.Load(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	var kept keptRecords
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	// A clock that had not been set when it was saved says nothing about its age.
	if kept.Saved.After(clockUnset) && time.Since(kept.Saved) > keepAge {
		return nil
	}
	_, err = journal.Append(ctx, 0, kept.Records...)
	return err
}

// keptKey is the key of a journal. Nodes that share a storage have encoders of their own,
// so each node has its own.
func keptKey(name string) (string, error) {
	id, err := instanceID()
	if err != nil {
		return "", fmt.Errorf("name of the instance, in %s: %w", filepath.Join(caddy.AppDataDir(), "instance.uuid"), err)
	}
	return "live_origin/" + id + "/" + name + ".json", nil
}

// instanceID is what Caddy knows this instance by. In the first moments of the first start, the file
// that has it is empty, while another part of Caddy writes it.
func instanceID() (string, error) {
	for tries := 20; ; tries-- {
		id, err := caddy.InstanceID()
		var unreadable *fs.PathError
		if err == nil || errors.As(err, &unreadable) || tries == 0 {
			return id.String(), err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Append implements store.Journal.
func (j *keptJournal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	revision, err := j.Journal.Append(ctx, last, records...)
	if err == nil {
		j.of.changed(j)
	}
	return revision, err
}

// Forget implements store.Journal.
func (j *keptJournal) Forget(ctx context.Context, before uint64) error {
	err := j.Journal.Forget(ctx, before)
	if err == nil {
		j.of.changed(j)
	}
	return err
}

// changed has a journal written soon.
func (s *keptStore) changed(j *keptJournal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storage == nil || s.closed {
		return
	}
	if s.dirty[j.name] == nil {
		time.AfterFunc(max(keepDelay, time.Until(s.rests[j.name])), func() { s.save(j.name) })
	}
	s.dirty[j.name] = j
}

// save writes a journal if it has changed.
func (s *keptStore) save(name string) {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	j, storage := s.dirty[name], s.storage
	delete(s.dirty, name)
	s.mu.Unlock()
	if storage == nil || j == nil {
		return
	}
	size, err := j.save(storage)
	rest := time.Duration(size) * time.Second / keepRate
	if err != nil {
		keptLogger().Warn("saving encoder state failed", zap.String("journal", name), zap.Error(err))
		// The next change may be hours away.
		rest = max(rest, keepRetry)
		defer s.changed(j)
	}
	s.mu.Lock()
	s.rests[name] = time.Now().Add(rest)
	s.mu.Unlock()
}

// save returns how much was written, in bytes.
func (j *keptJournal) save(storage certmagic.Storage) (size int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	key, err := keptKey(j.name)
	if err != nil {
		return 0, err
	}
	kept := keptRecords{Saved: time.Now().UTC()}
	err = j.Read(ctx, 0, func(_ uint64, record []byte) error {
		kept.Records = append(kept.Records, append([]byte(nil), record...))
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(kept.Records) == 0 {
		if err := storage.Delete(ctx, key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("delete: %w", err)
		}
		return 0, nil
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return 0, fmt.Errorf("encode: %w", err)
	}
	if err := storage.Store(ctx, key, text); err != nil {
		return len(text), fmt.Errorf("store: %w", err)
	}
	return len(text), nil
}

// Close implements store.Store. It writes what has not been written yet.
func (s *keptStore) Close() error {
	s.mu.Lock()
	s.closed = true
	names := slices.Collect(maps.Keys(s.dirty))
	s.mu.Unlock()
	for _, name := range names {
		s.save(name)
	}
	return s.Store.Close()
}

func keptLogger() *zap.Logger { return caddy.Log().Named("live_origin") }

// keepIn has a store in memory keep what encoders send once in the storage of this
// config, from now on; if the config is rejected, the previous one's is used again.
func (a *App) keepIn(s *sharedStore) {
	local := s.store
	if shared, ok := local.(store.Shared); ok {
		local = shared.Local()
	}
	kept, ok := local.(*keptStore)
	if !ok || a.emitter == nil {
		return
	}
	before := kept.use(a.emitter.ctx.Storage())
	a.undo = append(a.undo, func() { kept.use(before) })
}

// Interface guards
var (
	_ store.Store     = (*keptStore)(nil)
	_ store.Resizable = (*keptStore)(nil)
	_ store.Journal   = (*keptJournal)(nil)
)
