package channel

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// standing is what holds until something else is said, and may have been said once
// and long ago: multivariant playlists and initialization sections, which encoders
// send when they start, and what the operator ordered. It has a journal of its own,
// because a restarted origin would otherwise never hear of it again. It is guarded
// by Channel.mu.
type standing struct {
	journal *journal[standingEntry]
	last    map[standingKey]standingEntry
	at      map[standingKey]uint64 // revisions of last
}

// StandingFacts ends the name of a channel's journal of standing facts. No endpoint can
// have this name.
const StandingFacts = "/standing.facts"

// standingKey is what an entry takes the place of.
type standingKey struct{ kind, of, path string }

// standingEntry is a record of the journal. Exactly one field is set.
type standingEntry struct {
	Multivariant *standingMultivariant `json:"multivariant,omitempty"`
	Init         *standingInit         `json:"init,omitempty"`
	Order        *failover.Order       `json:"order,omitempty"`
	Tables       *standingTables       `json:"tables,omitempty"`
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
	// Data are its bytes, where the store ends with the process and the journal does
	// not. Key is then no object's.
	Data []byte `json:"data,omitempty"`
}

func (e standingEntry) key() standingKey {
	switch {
	case e.Multivariant != nil:
		return standingKey{kind: "multivariant", of: e.Multivariant.Input}
	case e.Init != nil:
		return standingKey{kind: "init", of: e.Init.Input, path: e.Init.Path}
	case e.Order != nil:
		return standingKey{kind: "order", of: e.Order.Endpoint}
	case e.Tables != nil:
		return standingKey{kind: "tables", of: e.Tables.Input, path: e.Tables.Sort}
	}
	return standingKey{}
}

// void reports whether the entry only takes back an earlier one.
func (e standingEntry) void() bool {
	return e.Init != nil && e.Init.Key == "" || e.Tables != nil && len(e.Tables.Tables) == 0 || e.Order != nil && e.Order.Input == ""
}

// openStanding reads what was said before.
func openStanding(ctx context.Context, st store.Store, key string) (*standing, error) {
	s := &standing{last: map[standingKey]standingEntry{}, at: map[standingKey]uint64{}}
	var err error
	s.journal, err = openJournal(ctx, st, key, "standing facts", func(revision uint64, entry standingEntry) error {
		s.enter(entry, revision)
		return nil
	})
	return s, err
}

// recallStanding goes on with what was said before a restart.
func (c *Channel) recallStanding(ctx context.Context) error {
	var err error
	if c.standing, err = openStanding(ctx, c.store, c.name+StandingFacts); err != nil {
		return err
	}
	for _, entry := range c.standing.inOrder() {
		switch {
		case entry.Multivariant != nil:
			c.recallMultivariant(entry.Multivariant.Input)
		case entry.Init != nil:
			c.recallInit(ctx, entry.Init)
		case entry.Tables != nil && c.inputs[entry.Tables.Input] != nil:
			c.inputs[entry.Tables.Input].keepTables(entry.Tables.Sort, entry.Tables.Tables)
		}
	}
	return nil
}

// recallMultivariant tells the core what an input announced before the restart, or
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
	c.inputs[input].multivariant = &announcement{path: entry.Multivariant.Path, playlist: m}
	c.inputs[input].announces(fact)
	c.core.Take(c.now(), failover.Recalled{Multivariant: fact})
}

// recallOrders tells the core what the operator ordered before the restart.
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
func (s *standing) say(entry standingEntry) error {
	known, ok := s.last[entry.key()]
	if ok && reflect.DeepEqual(known, entry) || !ok && entry.void() {
		return nil
	}
	if err := s.append(entry); err != nil {
		return err
	}
	return s.compact()
}

func (s *standing) append(entry standingEntry) error {
	revision, err := s.journal.append(context.Background(), entry)
	if err != nil {
		return err
	}
	s.enter(entry, revision)
	return nil
}

// staleRecords is how many records the journal may hold that nobody needs.
const staleRecords = 64

// compact says everything once more if most of the journal is history.
func (s *standing) compact() error {
	oldest := s.journal.revision
	for _, at := range s.at {
		oldest = min(oldest, at)
	}
	if s.journal.revision-oldest < uint64(2*len(s.last)+staleRecords) {
		return s.journal.forget(oldest)
	}
	first := s.journal.revision + 1
	for _, entry := range s.inOrder() {
		if err := s.append(entry); err != nil {
			return err
		}
	}
	return s.journal.forget(first)
}

// announce lets a multivariant playlist into the core, and notes it.
func (c *Channel) announce(d *delivery, fact failover.Multivariant, m *hls.MultivariantPlaylist, text []byte) error {
	if err := c.claimIDs(announcedPaths(d.config, d.path, m)...); err != nil {
		return err
	}
	// What is looked at with every slot from now on is picked once.
	m.Tags = output.PassedOn(m.Tags)
	d.input.multivariant = &announcement{path: d.path, playlist: m}
	d.input.announces(fact)
	c.reselect()
	c.step(fact)
	c.reannounce(d.input, fact.Input)
	c.trouble(c.standing.say(standingEntry{Multivariant: &standingMultivariant{Input: fact.Input, Path: d.path, Text: text}}))
	return nil
}

// readMultivariant is what the core was told of a multivariant playlist.
func (c *Channel) readMultivariant(s *standingMultivariant) (failover.Multivariant, *hls.MultivariantPlaylist, bool) {
	in := c.inputs[s.Input]
	if in == nil {
		return failover.Multivariant{}, nil, false
	}
	config := in.config.Load()
	playlist, err := hls.Parse(s.Text, hls.Limits{Bytes: int(config.MaxPlaylistSize)})
	if err != nil || playlist.Multivariant == nil {
		return failover.Multivariant{}, nil, false
	}
	playlist.Multivariant.Tags = output.PassedOn(playlist.Multivariant.Tags)
	fact, err := multivariantFact(config, s.Path, playlist.Multivariant, &oddities{})
	if err != nil {
		return failover.Multivariant{}, nil, false // the limits have become tighter; the encoder will be told
	}
	return fact, playlist.Multivariant, true
}

// recallInit puts an initialization section from before the restart in force again. It
// is read once more: that is less than what would have to be written down of it.
func (c *Channel) recallInit(ctx context.Context, s *standingInit) {
	in := c.inputs[s.Input]
	if in == nil {
		return
	}
	key := s.Key
	if len(s.Data) > 0 {
		var err error
		if key, err = c.putBack(ctx, s); err != nil {
			c.outbox.trouble(c.name, fmt.Errorf("put initialization section back: %w", err))
			return
		}
	} else if !c.objects.adopt(key) {
		return
	}
	section, err := c.objects.readInit(ctx, key)
	if err != nil {
		c.objects.release(key)
		c.outbox.trouble(c.name, fmt.Errorf("read initialization section again: %w", err))
		return
	}
	in.binder.inits[s.Path] = section
}

// readInit reads an initialization section from before the restart.
func (o *objects) readInit(ctx context.Context, key string) (*initSection, error) {
	probed, err := o.probe(ctx, key)
	if err != nil {
		return nil, err
	}
	if probed.Init == nil {
		return nil, fmt.Errorf("object %s holds none", key)
	}
	return newInitSection(probed.Init, key, time.Now()), nil
}
