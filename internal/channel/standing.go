package channel

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// standing is what holds until something else is said, and may have been said only once,
// long ago: multivariant playlists and initialization sections, which encoders send when
// they start, what the operator ordered, and how far endpoints have counted. It has a journal
// of its own, because otherwise a restarted origin would never hear of it again. It is guarded
// by Channel.mu.
type standing struct {
	journal *journal[standingEntry]
	last    map[standingKey]standingEntry
	at      map[standingKey]uint64 // revisions of last
	stale   int                    // bytes of what has been replaced
}

// StandingFacts is how the name of a channel's journal of standing facts ends. No endpoint
// can have this name.
const StandingFacts = "/standing.facts"

// standingKey is the same for entries that replace one another.
type standingKey struct{ kind, of, path string }

// standingEntry is a record of the journal. Exactly one of the pointers is set.
type standingEntry struct {
	// Time is when it was said, by the node's clock; records of earlier versions have none.
	Time         time.Time             `json:"time,omitzero"`
	Multivariant *standingMultivariant `json:"multivariant,omitempty"`
	Init         *standingInit         `json:"init,omitempty"`
	Order        *failover.Order       `json:"order,omitempty"`
	Tables       *standingTables       `json:"tables,omitempty"`
	Count        *failover.Counted     `json:"count,omitempty"`
	// Reached is the media sequence number at which Count was said.
	Reached uint64 `json:"reached,omitempty"`
}

// standingMultivariant is an encoder's multivariant playlist.
type standingMultivariant struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Text  []byte `json:"text"`
	// Beside are the paths of others of the input that are in force as well. All that are
	// not among them have been replaced.
	Beside []string `json:"beside,omitempty"`
}

// standingInit is an encoder's initialization section; without a key, there no longer is
// one.
type standingInit struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Key   string `json:"key,omitempty"`
	// Data are its bytes, where the store ends with the process and the journal does
	// not. Key is then not that of an object.
	Data []byte `json:"data,omitempty"`
}

func (e standingEntry) key() standingKey {
	switch {
	case e.Multivariant != nil:
		return standingKey{kind: "multivariant", of: e.Multivariant.Input, path: e.Multivariant.Path}
	case e.Init != nil:
		return standingKey{kind: "init", of: e.Init.Input, path: e.Init.Path}
	case e.Order != nil:
		return standingKey{kind: "order", of: e.Order.Endpoint}
	case e.Count != nil:
		return standingKey{kind: "count", of: e.Count.Endpoint}
	case e.Tables != nil:
		return standingKey{kind: "tables", of: e.Tables.Input, path: e.Tables.Sort}
	}
	return standingKey{}
}

// void reports whether the entry only takes back an earlier one. That nothing is ordered is kept: another
// node may not have heard of it.
func (e standingEntry) void() bool {
	return e.Init != nil && e.Init.Key == "" || e.Tables != nil && len(e.Tables.Tables) == 0
}

// size is about how many bytes the entry takes.
func (e standingEntry) size() int {
	switch {
	case e.Multivariant != nil:
		return len(e.Multivariant.Text)
	case e.Init != nil:
		return len(e.Init.Data)
	}
	return 0
}

// openStanding reads what was said before.
func openStanding(ctx context.Context, d *desk) (*standing, error) {
	s := &standing{last: map[standingKey]standingEntry{}, at: map[standingKey]uint64{}}
	var err error
	s.journal, err = openJournal(ctx, d.journals, d.name+StandingFacts, "standing facts", &d.unfinished, d.outbox.trouble, func(revision uint64, entry standingEntry) error {
		s.enter(entry, revision)
		return nil
	})
	return s, err
}

func (s *standing) enter(entry standingEntry, revision uint64) {
	key := entry.key()
	if old, ok := s.last[key]; ok {
		s.stale += old.size()
	}
	if entry.void() {
		delete(s.last, key)
		delete(s.at, key)
		return
	}
	s.last[key], s.at[key] = entry, revision
	if m := entry.Multivariant; m != nil {
		s.replace(m)
	}
}

// replace forgets the multivariant playlists in whose place another one is.
func (s *standing) replace(by *standingMultivariant) {
	for key, old := range s.last {
		if key.kind == "multivariant" && key.of == by.Input && key.path != by.Path && !slices.Contains(by.Beside, key.path) {
			s.stale += old.size()
			delete(s.last, key)
			delete(s.at, key)
		}
	}
}

// keepBeside notes that a multivariant playlist is in force beside these others only.
func (s *standing) keepBeside(input, path string, beside []string) error {
	entry, ok := s.last[standingKey{kind: "multivariant", of: input, path: path}]
	if !ok {
		return nil
	}
	m := *entry.Multivariant
	m.Beside = beside
	return s.say(standingEntry{Multivariant: &m})
}

// inOrder lists what holds, the oldest first.
func (s *standing) inOrder() []standingEntry {
	var list []standingEntry
	for _, key := range slices.SortedFunc(maps.Keys(s.last), func(a, b standingKey) int { return cmp.Compare(s.at[a], s.at[b]) }) {
		list = append(list, s.last[key])
	}
	return list
}

// say notes what holds from now on. If the journal refuses, the channel goes on; after a
// restart it would have to wait until it is said again.
func (s *standing) say(entry standingEntry) error {
	known, ok := s.last[entry.key()]
	if ok && known.says(entry) && !s.journal.lacks(s.at[entry.key()]) || !ok && entry.void() {
		return nil
	}
	if entry.Time.IsZero() {
		entry.Time = time.Now().Round(0)
	}
	if err := s.append(entry); err != nil {
		return err
	}
	return s.compact()
}

func (s *standing) append(entry standingEntry) error {
	revision, err := s.journal.append(entry)
	if err != nil {
		return err
	}
	s.enter(entry, revision)
	return nil
}

// staleRecords and staleBytes are how much the journal may hold that nobody needs.
const (
	staleRecords = 64
	staleBytes   = 1 << 20
)

// compact writes everything again if most of the journal is history, or if the disk, which takes records again,
// did not take some of what holds.
func (s *standing) compact() error {
	oldest := s.journal.revision
	for _, at := range s.at {
		oldest = min(oldest, at)
	}
	lacking := s.journal.lacks(oldest) && s.journal.takes()
	if !lacking && s.journal.revision-oldest < uint64(2*len(s.last)+staleRecords) && s.stale < staleBytes {
		s.journal.forget(oldest)
		return nil
	}
	first := s.journal.revision + 1
	for _, entry := range s.inOrder() {
		if err := s.append(entry); err != nil {
			return err
		}
	}
	s.stale = 0
	s.journal.forget(first)
	return nil
}

// read returns what the core was told about a multivariant playlist.
func (s *standingMultivariant) read(config *InputConfig) (failover.Multivariant, *hls.MultivariantPlaylist, bool) {
	playlist, err := hls.Parse(s.Text, hls.Limits{Bytes: int(config.MaxPlaylistSize)})
	if err != nil || playlist.Multivariant == nil {
		return failover.Multivariant{}, nil, false
	}
	playlist.Multivariant.Tags = output.PassedOn(playlist.Multivariant.Tags)
	fact, err := multivariantFact(config, s.Path, playlist.Multivariant, &oddities{})
	if err != nil {
		return failover.Multivariant{}, nil, false // the limits are tighter now; the encoder will be told
	}
	return fact, playlist.Multivariant, true
}
