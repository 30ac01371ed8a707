package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/store"
)

// standing is what holds until something else is said, and may have been said once
// and long ago: multivariant playlists and initialization sections, which encoders
// send when they start, and what the operator ordered. It has a journal of its own,
// because a restarted origin would otherwise never hear of it again. It is guarded
// by Channel.mu.
type standing struct {
	journal  store.Journal
	revision uint64
	last     map[standingKey]standingEntry
	at       map[standingKey]uint64 // revisions of last
}

// standingKey is what an entry takes the place of.
type standingKey struct{ kind, of, path string }

// standingEntry is a record of the journal. Exactly one field is set.
type standingEntry struct {
	Multivariant *standingMultivariant `json:"multivariant,omitempty"`
	Init         *standingInit         `json:"init,omitempty"`
	Order        *failover.Order       `json:"order,omitempty"`
}

// standingMultivariant is an encoder's multivariant playlist.
type standingMultivariant struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Text  []byte `json:"text"`
}

// standingInit is an encoder's initialization section; without a key there is
// none any more.
type standingInit struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Key   string `json:"key,omitempty"`
}

func (e standingEntry) key() standingKey {
	switch {
	case e.Multivariant != nil:
		return standingKey{kind: "multivariant", of: e.Multivariant.Input}
	case e.Init != nil:
		return standingKey{kind: "init", of: e.Init.Input, path: e.Init.Path}
	case e.Order != nil:
		return standingKey{kind: "order", of: e.Order.Endpoint}
	}
	return standingKey{}
}

// void reports whether the entry only takes back an earlier one.
func (e standingEntry) void() bool {
	return e.Init != nil && e.Init.Key == "" || e.Order != nil && e.Order.Input == ""
}

// openStanding reads what was said in an earlier life.
func (c *Channel) openStanding(ctx context.Context) error {
	journal, err := c.store.Journal(ctx, c.name+"/standing.facts") // no endpoint can have this name
	if err != nil {
		return fmt.Errorf("open journal of standing facts: %w", err)
	}
	s := standing{journal: journal, last: map[standingKey]standingEntry{}, at: map[standingKey]uint64{}}
	err = journal.Read(ctx, 0, func(revision uint64, text []byte) error {
		var entry standingEntry
		if err := json.Unmarshal(text, &entry); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		s.enter(entry, revision)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read journal of standing facts: %w", err)
	}
	if s.revision, err = journal.Last(ctx); err != nil {
		return fmt.Errorf("read journal of standing facts: %w", err)
	}
	c.standing = s
	for _, entry := range s.inOrder() {
		switch {
		case entry.Multivariant != nil:
			c.recallMultivariant(entry.Multivariant.Input)
		case entry.Init != nil:
			c.recallInit(ctx, entry.Init)
		}
	}
	return nil
}

// recallMultivariant tells the core what an input announced in an earlier life, or
// before it was taken out of the config and came back.
func (c *Channel) recallMultivariant(input string) {
	entry, ok := c.standing.last[standingKey{kind: "multivariant", of: input}]
	if !ok {
		return
	}
	fact, m, ok := c.readMultivariant(entry.Multivariant)
	if !ok {
		return
	}
	c.inputs[input].setMultivariant(entry.Multivariant.Path, m)
	if c.tracing {
		c.outbox.trace(failover.Record{Time: time.Now(), Recall: &fact})
	}
	c.core.Recall(fact)
}

// recallOrders tells the core what the operator ordered in an earlier life.
func (c *Channel) recallOrders() {
	for _, entry := range c.standing.inOrder() {
		if entry.Order != nil {
			c.step(*entry.Order)
		}
	}
}

func (s *standing) enter(entry standingEntry, revision uint64) {
	key := entry.key()
	if entry.void() {
		delete(s.last, key)
		delete(s.at, key)
		return
	}
	s.last[key], s.at[key] = entry, revision
}

// inOrder lists what holds, the oldest first.
func (s *standing) inOrder() []standingEntry {
	keys := make([]standingKey, 0, len(s.last))
	for key := range s.last {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b standingKey) int { return int(s.at[a]) - int(s.at[b]) })
	list := make([]standingEntry, len(keys))
	for i, key := range keys {
		list[i] = s.last[key]
	}
	return list
}

// say notes what holds from now on. If the journal refuses, the channel goes on; a
// restart would have to wait until it is said again.
func (c *Channel) say(entry standingEntry) {
	s := &c.standing
	known, ok := s.last[entry.key()]
	if ok && reflect.DeepEqual(known, entry) || !ok && entry.void() {
		return
	}
	if err := s.append(entry); err != nil {
		c.outbox.trouble(c.name, err)
		return
	}
	if err := s.compact(); err != nil {
		c.outbox.trouble(c.name, err)
	}
}

func (s *standing) append(entry standingEntry) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encode standing fact: %w", err)
	}
	revision, err := s.journal.Append(context.Background(), s.revision, text)
	if err != nil {
		return fmt.Errorf("keep standing fact: %w", err)
	}
	s.revision = revision
	s.enter(entry, revision)
	return nil
}

// staleRecords is how many records the journal may hold that nobody needs.
const staleRecords = 64

// compact says everything once more if most of the journal is history.
func (s *standing) compact() error {
	oldest := s.revision
	for _, at := range s.at {
		oldest = min(oldest, at)
	}
	if s.revision-oldest < uint64(2*len(s.last)+staleRecords) {
		return s.forget(oldest)
	}
	first := s.revision + 1
	for _, entry := range s.inOrder() {
		if err := s.append(entry); err != nil {
			return err
		}
	}
	return s.forget(first)
}

func (s *standing) forget(before uint64) error {
	if err := s.journal.Forget(context.Background(), before); err != nil {
		return fmt.Errorf("shorten journal of standing facts: %w", err)
	}
	return nil
}

// announce lets a multivariant playlist into the core, and notes it.
func (c *Channel) announce(in *input, fact failover.Multivariant, path string, m *hls.MultivariantPlaylist, text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if err := c.claimIDs(announcedPaths(in.config, path, m)...); err != nil {
		return err
	}
	// What is looked at with every slot from now on is picked once.
	m.Tags = passedOn(m.Tags)
	in.setMultivariant(path, m)
	c.reselect()
	c.step(fact)
	c.say(standingEntry{Multivariant: &standingMultivariant{Input: fact.Input, Path: path, Text: text}})
	return nil
}

// readMultivariant is what the core was told of a multivariant playlist.
func (c *Channel) readMultivariant(s *standingMultivariant) (failover.Multivariant, *hls.MultivariantPlaylist, bool) {
	in := c.inputs[s.Input]
	if in == nil {
		return failover.Multivariant{}, nil, false
	}
	playlist, err := hls.Parse(s.Text, hls.Limits{Bytes: int(in.config.MaxPlaylistSize)})
	if err != nil || playlist.Multivariant == nil {
		return failover.Multivariant{}, nil, false
	}
	playlist.Multivariant.Tags = passedOn(playlist.Multivariant.Tags)
	fact, err := multivariantFact(in.config, s.Input, s.Path, playlist.Multivariant)
	if err != nil {
		return failover.Multivariant{}, nil, false // the limits have become tighter; the encoder will be told
	}
	return fact.(failover.Multivariant), playlist.Multivariant, true
}

// recallInit puts an initialization section of an earlier life in force again. It
// is read once more: that is less than what would have to be written down of it.
func (c *Channel) recallInit(ctx context.Context, s *standingInit) {
	in := c.inputs[s.Input]
	if in == nil || !c.objects.adopt(s.Key) {
		return
	}
	section, err := c.readInit(ctx, s.Key)
	if err != nil {
		c.objects.release(s.Key)
		c.outbox.trouble(c.name, fmt.Errorf("read initialization section again: %w", err))
		return
	}
	in.binder.inits[s.Path] = section
}

func (c *Channel) readInit(ctx context.Context, key string) (*initSection, error) {
	probed, err := c.probe(ctx, key)
	if err != nil {
		return nil, err
	}
	if probed.Init == nil {
		return nil, fmt.Errorf("object %s holds none", key)
	}
	return newInitSection(probed.Init, key, time.Now()), nil
}

// probe reads an object of an earlier life once more.
func (c *Channel) probe(ctx context.Context, key string) (media.Probed, error) {
	content, err := openSequence(ctx, c.store, []part{{Key: key, Size: c.objects.get(key).size}})
	if err != nil {
		return media.Probed{}, err
	}
	defer content.Close()
	prober := media.NewProber()
	if _, err := content.WriteTo(prober); err != nil {
		return media.Probed{}, fmt.Errorf("read object: %w", err)
	}
	return prober.Finish()
}
