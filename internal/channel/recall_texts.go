package channel

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// An encoder that is started again may ask for its own playlist, to go on with its numbers.
// After a restart of the origin it gets one that is made of what the journal of arrivals says
// is new in each version: to write every text of every playlist would cost more than all else
// that is kept of it.

// listedWindow is what a record of a playlist says in addition to what is new in it.
type listedWindow struct {
	// First is the number of its first entry.
	First uint64 `json:"first,omitempty"`
	// Init is the path of the initialization section of its last entry, empty for none.
	Init string `json:"init,omitempty"`
}

// recalledList is a media playlist that is put together again.
type recalledList struct {
	newest  failover.Playlist
	at      time.Time
	entries []recalledEntry
}

type recalledEntry struct {
	failover.ListedSegment
	init string
}

// recallList adds what was new in a version of a playlist.
func (a *arrivals) recallList(entry arrival) {
	fresh := entry.Playlist.Segments
	if len(fresh) == 0 {
		return
	}
	if a.lists == nil {
		a.lists = map[[2]string]*recalledList{}
	}
	of := [2]string{entry.Playlist.Input, entry.Playlist.Path}
	l := a.lists[of]
	if l == nil {
		l = &recalledList{}
		a.lists[of] = l
	}
	window := listedWindow{}
	if entry.Window != nil {
		window = *entry.Window
	}
	l.newest, l.at = *entry.Playlist, entry.Time
	l.entries = slices.DeleteFunc(l.entries, func(e recalledEntry) bool {
		return e.Number < window.First || e.Number >= fresh[0].Number
	})
	for _, s := range fresh {
		l.entries = append(l.entries, recalledEntry{s, window.Init})
	}
	if more := len(l.entries) - listedAtMost; more > 0 {
		l.entries = slices.Delete(l.entries, 0, more)
	}
}

// texts keeps the playlists for the encoders' own GET.
func (r *recall) texts() {
	type named struct {
		of [2]string
		*recalledList
	}
	var all []named
	for of, l := range r.arrivals.lists {
		all = append(all, named{of, l})
	}
	r.arrivals.lists = nil
	slices.SortFunc(all, func(a, b named) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.of[1], b.of[1])) })
	for _, l := range all {
		in := r.inputs[l.of[0]]
		if in == nil {
			continue
		}
		if text, err := hls.EncodeMedia(l.playlist()); err == nil {
			in.recallText(l.of[1], file{text: text, contentType: playlistType, rendition: true, modified: l.at}, in.config.Load().MaxRenditions)
		}
	}
}

// playlist is the playlist as it was last, from behind the last entry that was left out:
// those before would have other numbers.
func (l *recalledList) playlist() *hls.MediaPlaylist {
	from := len(l.entries) - 1
	for from > 0 && l.entries[from-1].Number+1 == l.entries[from].Number {
		from--
	}
	m := &hls.MediaPlaylist{
		TargetDuration: int(l.newest.TargetDuration / time.Second),
		MediaSequence:  l.entries[from].Number,
		EndList:        l.newest.EndList,
	}
	var current *hls.Map
	for _, e := range l.entries[from:] {
		switch init := relativeTo(l.newest.Path, e.init); {
		case e.init == "":
			current = nil
		case current == nil || current.URI != init:
			current = &hls.Map{URI: init}
		}
		m.Segments = append(m.Segments, hls.Segment{
			URI: relativeTo(l.newest.Path, e.Path), Duration: e.Duration.Duration(), Discontinuity: e.Discontinuity, Gap: e.Gap,
			ProgramDateTime: e.ProgramDateTime, Tags: e.Tags, Map: current,
		})
	}
	return m
}

// relativeTo is an object of an input as a playlist of it would name it.
func relativeTo(playlist, object string) string {
	base, parts := strings.Split(playlist, "/"), strings.Split(object, "/")
	base = base[:len(base)-1]
	for len(base) > 0 && len(parts) > 1 && base[0] == parts[0] {
		base, parts = base[1:], parts[1:]
	}
	return strings.Repeat("../", len(base)) + strings.Join(parts, "/")
}

// recallText keeps a text from before the restart.
func (s *shelf) recallText(name string, f file, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.rendition && s.admit(name, limit, f.modified) != nil {
		return
	}
	s.files[name] = f
	s.boundTexts(name)
}

// recallObject keeps the key of an object from before the restart.
func (s *shelf) recallObject(name, key, hash string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) >= keptFiles {
		s.evict()
	}
	s.files[name] = file{key: key, hash: hash, modified: at}
}
