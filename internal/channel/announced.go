package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/store"
)

// announced is an entry of the channel's own journal: an encoder's multivariant
// playlist. Encoders send it once, when they start, so a restarted origin would
// otherwise never know again which rendition is what.
type announced struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Text  []byte `json:"text"`
}

// announcements is the journal of multivariant playlists, the last of each input.
// It is guarded by Channel.mu.
type announcements struct {
	journal  store.Journal
	revision uint64
	last     map[string]announced
	at       map[string]uint64 // revisions of last
}

// openAnnouncements reads what the encoders announced in an earlier life.
func (c *Channel) openAnnouncements(ctx context.Context) error {
	journal, err := c.store.Journal(ctx, c.name+"/announced.m3u8") // no endpoint can have this name
	if err != nil {
		return fmt.Errorf("open journal of multivariant playlists: %w", err)
	}
	a := announcements{journal: journal, last: map[string]announced{}, at: map[string]uint64{}}
	err = journal.Read(ctx, 0, func(revision uint64, text []byte) error {
		var entry announced
		if err := json.Unmarshal(text, &entry); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		a.last[entry.Input], a.at[entry.Input] = entry, revision
		return nil
	})
	if err != nil {
		return fmt.Errorf("read journal of multivariant playlists: %w", err)
	}
	if a.revision, err = journal.Last(ctx); err != nil {
		return fmt.Errorf("read journal of multivariant playlists: %w", err)
	}
	c.announcements = a
	for _, entry := range a.last {
		c.recall(entry)
	}
	return nil
}

// recall puts a multivariant playlist of an earlier life in force again.
func (c *Channel) recall(entry announced) {
	fact, m, ok := c.readAnnounced(entry)
	if !ok {
		return
	}
	c.inputs[entry.Input].setMultivariant(entry.Path, m)
	c.core.Recall(fact)
}

// announcedFact is what the core was told, or would be, of a multivariant playlist.
func (c *Channel) announcedFact(entry announced) (failover.Multivariant, bool) {
	fact, _, ok := c.readAnnounced(entry)
	return fact, ok
}

func (c *Channel) readAnnounced(entry announced) (failover.Multivariant, *hls.MultivariantPlaylist, bool) {
	in := c.inputs[entry.Input]
	if in == nil {
		return failover.Multivariant{}, nil, false
	}
	playlist, err := hls.Parse(entry.Text, hls.Limits{Bytes: int(in.config.MaxPlaylistSize)})
	if err != nil || playlist.Multivariant == nil {
		return failover.Multivariant{}, nil, false
	}
	fact, err := multivariantFact(in.config, entry.Input, entry.Path, playlist.Multivariant)
	if err != nil {
		return failover.Multivariant{}, nil, false // the limits have become tighter; the encoder will be told
	}
	return fact.(failover.Multivariant), playlist.Multivariant, true
}

// announce lets a multivariant playlist into the core, and into the journal if it
// is another one.
func (c *Channel) announce(in *input, fact failover.Multivariant, path string, m *hls.MultivariantPlaylist, text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	in.setMultivariant(path, m)
	c.reselect()
	c.step(fact)
	entry := announced{Input: fact.Input, Path: path, Text: text}
	if last, ok := c.announcements.last[entry.Input]; ok && last.Path == path && bytes.Equal(last.Text, text) {
		return nil
	}
	if err := c.announcements.append(entry); err != nil {
		// The channel goes on; a restart would have to wait for the encoder's.
		c.outbox.trouble(c.name, err)
	}
	return nil
}

func (a *announcements) append(entry announced) error {
	text, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encode multivariant playlist: %w", err)
	}
	revision, err := a.journal.Append(context.Background(), a.revision, text)
	if err != nil {
		return fmt.Errorf("keep multivariant playlist: %w", err)
	}
	a.revision = revision
	a.last[entry.Input], a.at[entry.Input] = entry, revision
	oldest := revision
	for _, at := range a.at {
		oldest = min(oldest, at)
	}
	if err := a.journal.Forget(context.Background(), oldest); err != nil {
		return fmt.Errorf("shorten journal of multivariant playlists: %w", err)
	}
	return nil
}
