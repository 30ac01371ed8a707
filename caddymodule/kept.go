package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
// well. They are read when a channel is opened, and written behind the requests that
// change them, so that slow storage holds up nobody.
type keptStore struct {
	*memory.Store

	mu      sync.Mutex
	storage certmagic.Storage // nil as long as nothing is kept
	dirty   map[string]*keptJournal
	closed  bool
	// saving is held by the one who writes.
	saving sync.Mutex
}

// keptJournal is a journal of such a store.
type keptJournal struct {
	store.Journal
	of   *keptStore
	name string
}

// keptRecords is what lies in the storage.
type keptRecords struct {
	Saved   time.Time `json:"saved"`
	Records [][]byte  `json:"records"`
}

const (
	// keepDelay is how long changes are gathered before they are written.
	keepDelay = 200 * time.Millisecond
	// keepTimeout bounds one access to the storage.
	keepTimeout = 10 * time.Second
	// keepAge is for how long they are of use: no encoder is silent for longer and
	// goes on as if nothing had been.
	keepAge = 7 * 24 * time.Hour
)

func newKeptStore(capacity int64) *keptStore {
	return &keptStore{Store: memory.Open(capacity), dirty: map[string]*keptJournal{}}
}

// use sets where to keep it from now on, and returns where it was kept.
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
			keptLogger().Warn("reading back what encoders send once failed", zap.String("journal", name), zap.Error(err))
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
	if time.Since(kept.Saved) > keepAge {
		return nil
	}
	for i, record := range kept.Records {
		if _, err := journal.Append(ctx, uint64(i), record); err != nil {
			return err
		}
	}
	return nil
}

// keptKey is where a journal lies. Nodes that share a storage have encoders of their
// own, so each has its own.
func keptKey(name string) (string, error) {
	id, err := caddy.InstanceID()
	if err != nil {
		return "", fmt.Errorf("name of the instance: %w", err)
	}
	return "live_origin/" + id.String() + "/" + name + ".json", nil
}

// Append implements store.Journal.
func (j *keptJournal) Append(ctx context.Context, last uint64, record []byte) (uint64, error) {
	revision, err := j.Journal.Append(ctx, last, record)
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
	if len(s.dirty) == 0 {
		time.AfterFunc(keepDelay, s.save)
	}
	s.dirty[j.name] = j
}

// save writes what has changed.
func (s *keptStore) save() {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	dirty, storage := s.dirty, s.storage
	s.dirty = map[string]*keptJournal{}
	s.mu.Unlock()
	if storage == nil {
		return
	}
	for name, j := range dirty {
		if err := j.save(storage); err != nil {
			keptLogger().Warn("keeping what encoders send once failed", zap.String("journal", name), zap.Error(err))
		}
	}
}

func (j *keptJournal) save(storage certmagic.Storage) error {
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	key, err := keptKey(j.name)
	if err != nil {
		return err
	}
	kept := keptRecords{Saved: time.Now().UTC()}
	err = j.Read(ctx, 0, func(_ uint64, record []byte) error {
		kept.Records = append(kept.Records, append([]byte(nil), record...))
		return nil
	})
	if err != nil {
		return err
	}
	if len(kept.Records) == 0 {
		if err := storage.Delete(ctx, key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := storage.Store(ctx, key, text); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Close implements store.Store. What has not been written yet is.
func (s *keptStore) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.save()
	return s.Store.Close()
}

func keptLogger() *zap.Logger { return caddy.Log().Named("live_origin") }

// keepIn has a store in memory keep what encoders send once in the storage of this
// config, from now on; a config that is rejected gives way to the one before.
func (a *App) keepIn(s *sharedStore) {
	kept, ok := s.store.(*keptStore)
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
