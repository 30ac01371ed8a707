package channel

import (
	"sort"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// arrivals is what encoders have delivered and listed, as far as it may still become part
// of a slot: within a longer slot, or after a time delay. In a store that outlives the
// process it has a journal, from which a restarted channel carries on. It is guarded by
// Channel.mu.
type arrivals struct {
	journal *journal[arrival] // nil in a store that ends with the process
	// refs are the records that are kept, in order; the first one that may still become
	// part of something is refs[oldest].
	refs   []arrivalRef
	oldest int
	open   map[string]bool // objects that the core may still use
	// recalled are the fragments from before the restart that may still wait, by key.
	recalled map[string]arrivedFragment
	// lists are the playlists from before the restart, while the journal is read.
	lists map[[2]string]*recalledList
}

type arrivalRef struct {
	revision uint64
	at       time.Time
	key      string // empty for a playlist
}

// arrival is a record: an object, or what is new in a media playlist.
type arrival struct {
	Time   time.Time        `json:"time"`
	Object *failover.Object `json:"object,omitempty"`
	Info   *media.Info      `json:"info,omitempty"`
	// InitID, InitHash and InitPart are the initialization section of fragmented
	// MP4.
	InitID   media.Digest       `json:"init_id,omitzero"`
	InitHash media.Digest       `json:"init_hash,omitzero"`
	InitPart *output.Part       `json:"init_part,omitempty"`
	Playlist *failover.Playlist `json:"playlist,omitempty"`
	Fragment *arrivedFragment   `json:"fragment,omitempty"`
	// Window goes with a playlist; records of earlier versions have none.
	Window *listedWindow `json:"window,omitempty"`
	// Removed: the channel was taken out of the config, with all that encoders had put there.
	Removed bool `json:"removed,omitempty"`
}

// arrivedFragment is a fragment that waits for its playlist or its initialization
// section. Once it has them, there is a record of the object.
type arrivedFragment struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Key   string `json:"key"`
	// Hash identifies equal bytes, as that of an object does; records of earlier versions
	// have none.
	Hash string `json:"hash,omitempty"`
	at   time.Time
}

// arrivalMargin is how much longer than its use a record is kept: a playlist may come that
// long before the segments that it lists, and the rhythm of an input shows in its last
// segments.
const arrivalMargin = fragmentAge

// noteFragment notes that a fragment waits.
func (a *arrivals) noteFragment(input, path string, f *fragment) error {
	if a.journal == nil {
		return nil
	}
	a.open[f.key] = true
	return a.note(arrival{Time: f.arrived, Fragment: &arrivedFragment{Input: input, Path: path, Key: f.key, Hash: f.hash}}, f.key)
}

// dropFragment gives up a fragment that was waiting.
func (d *desk) dropFragment(key string) {
	delete(d.arrivals.open, key)
	d.objects.release(key)
}

// noteObject notes a sound object.
func (a *arrivals) noteObject(now time.Time, object *failover.Object, objects *objects) error {
	if a.journal == nil {
		return nil
	}
	ob := objects.get(object.ID)
	entry := arrival{Time: now, Object: object, Info: ob.info}
	if ob.init != nil {
		entry.InitID, entry.InitHash, entry.InitPart = ob.init.init.ID, ob.init.init.Hash, &ob.init.part
	}
	a.open[object.ID] = true
	return a.note(entry, object.ID)
}

// noteListing notes what is new in a media playlist. l is what is known about it, nil for
// nothing.
func (a *arrivals) noteListing(now time.Time, fact failover.Playlist, l *listing) error {
	if a.journal == nil || len(fact.Segments) == 0 {
		return nil
	}
	end := fact.Segments[len(fact.Segments)-1]
	if l != nil && l.noted != nil && !a.journal.lacks(l.noted.revision) {
		if l.noted.number == end.Number && l.noted.path == end.Path && !fact.EndList {
			return nil
		}
		fact.Segments = l.noted.goOn(fact.Segments)
	}
	entry := arrival{Time: now, Playlist: &fact}
	if l != nil {
		entry.Window = &listedWindow{First: l.first, Init: l.init}
	}
	if err := a.note(entry, ""); err != nil {
		return err
	}
	if l != nil {
		l.noted = &notedEntry{number: end.Number, path: end.Path, revision: a.journal.revision}
	}
	return nil
}

// notedEntry is the last entry of a playlist that is in the journal.
type notedEntry struct {
	number uint64
	path   string
	// revision is that of the record.
	revision uint64
}

// goOn are the entries of a later version of the playlist from the noted one on, so that
// they join up with what came before; all of them if they belong to something else. Numbers
// have gaps where entries were left out, so none of them says where in the list an entry is.
func (n *notedEntry) goOn(list []failover.ListedSegment) []failover.ListedSegment {
	i := sort.Search(len(list), func(i int) bool { return list[i].Number >= n.number })
	if i == len(list) || list[i].Number == n.number && list[i].Path != n.path {
		return list
	}
	return list[i:]
}

// note appends a record. If the journal refuses, the channel goes on; only a restart
// would miss it.
func (a *arrivals) note(entry arrival, key string) error {
	revision, err := a.journal.append(entry)
	if err != nil {
		return err
	}
	a.refs = append(a.refs, arrivalRef{revision: revision, at: entry.Time, key: key})
	return nil
}

// settle forgets what can't become part of a slot any more.
func (a *arrivals) settle(now time.Time, keys []string) {
	for _, key := range keys {
		delete(a.open, key)
	}
	if a.journal == nil {
		return // there is none, or it is being read
	}
	for a.oldest < len(a.refs) && !a.open[a.refs[a.oldest].key] {
		a.oldest++
	}
	until := now
	if a.oldest < len(a.refs) {
		until = a.refs[a.oldest].at
	}
	until = until.Add(-arrivalMargin)
	n := 0
	for n < a.oldest && a.refs[n].at.Before(until) {
		n++
	}
	if n < forgottenAtOnce {
		return
	}
	a.journal.forget(a.refs[n-1].revision + 1)
	a.refs = append([]arrivalRef(nil), a.refs[n:]...)
	a.oldest -= n
}

// unused lists the objects that the core may still use, in the order in which they came.
func (a *arrivals) unused(objects *objects) (keys []string) {
	for _, ref := range a.refs[a.oldest:] {
		if !a.open[ref.key] {
			continue
		}
		keys = append(keys, ref.key)
		if ob := objects.get(ref.key); ob != nil && ob.init != nil {
			keys = append(keys, ob.init.part.Key)
		}
	}
	return keys
}

// forgottenAtOnce is how many records have to be of no use before the journal is
// shortened.
const forgottenAtOnce = 64
