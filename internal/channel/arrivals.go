package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/store"
)

// arrivals is what encoders have delivered and listed, as far as it may still become
// part of a slot: within a longer slot, or behind a time delay. In a store that
// outlives the process it has a journal, from which a restarted channel goes on. It
// is guarded by Channel.mu.
type arrivals struct {
	journal  store.Journal // nil in a store that ends with the process
	revision uint64
	// refs are the records that are kept, in order; the first one that something
	// may still be made of is refs[oldest].
	refs   []arrivalRef
	oldest int
	open   map[string]bool // objects that the core may still use
	// listed is the last number that was noted, by input and playlist.
	listed map[[2]string]uint64
	// recalled are the fragments of an earlier life that may still wait, by key.
	recalled map[string]arrivedFragment
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
	InitPart *part              `json:"init_part,omitempty"`
	Playlist *failover.Playlist `json:"playlist,omitempty"`
	Fragment *arrivedFragment   `json:"fragment,omitempty"`
}

// arrivedFragment is a fragment that waits for its playlist or its initialization
// section. Once it has them, there is a record of the object.
type arrivedFragment struct {
	Input string `json:"input"`
	Path  string `json:"path"`
	Key   string `json:"key"`
	at    time.Time
}

// arrivalMargin is how much longer than its use a record is kept: a playlist may
// come so much before the segments that it lists, and the rhythm of an input shows in
// its last segments.
const arrivalMargin = fragmentAge

// openArrivals goes on with what an earlier life had not published yet.
func (c *Channel) openArrivals(ctx context.Context) error {
	if !c.persistent() {
		return nil
	}
	journal, err := c.store.Journal(ctx, c.name+"/arrived.media") // no endpoint can have this name
	if err != nil {
		return fmt.Errorf("open journal of arrivals: %w", err)
	}
	c.arrivals = arrivals{journal: journal, open: map[string]bool{}, listed: map[[2]string]uint64{}, recalled: map[string]arrivedFragment{}}
	a := &c.arrivals
	if a.revision, err = journal.Last(ctx); err != nil {
		return fmt.Errorf("read journal of arrivals: %w", err)
	}
	err = journal.Read(ctx, 0, func(revision uint64, text []byte) error {
		var entry arrival
		if err := json.Unmarshal(text, &entry); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		c.recallArrival(revision, entry)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read journal of arrivals: %w", err)
	}
	c.step(failover.Resumed{})
	c.recallFragments(ctx)
	c.recallOrders()
	return nil
}

// recallArrival tells the core once more, as of then.
func (c *Channel) recallArrival(revision uint64, entry arrival) {
	ref := arrivalRef{revision: revision, at: entry.Time}
	switch {
	case entry.Playlist != nil:
		c.arrivals.refs = append(c.arrivals.refs, ref)
		c.stepAt(entry.Time, *entry.Playlist)
	case entry.Fragment != nil:
		f := *entry.Fragment
		ref.key, f.at = f.Key, entry.Time
		c.arrivals.open[f.Key], c.arrivals.recalled[f.Key] = true, f
		c.arrivals.refs = append(c.arrivals.refs, ref)
	case entry.Object != nil && entry.Info != nil:
		object := *entry.Object
		delete(c.arrivals.recalled, object.ID)
		delete(c.arrivals.open, object.ID)
		if c.adoptArrival(object.ID, entry) {
			ref.key = object.ID
			c.arrivals.open[object.ID] = true
		} else {
			object.ID, object.Gone = "", true
		}
		if in := c.inputs[object.Input]; in != nil {
			in.remember(object.Path, entry.Info)
		}
		c.arrivals.refs = append(c.arrivals.refs, ref)
		c.stepAt(entry.Time, object)
	}
}

// adoptArrival takes over the bytes, if they are still there.
func (c *Channel) adoptArrival(key string, entry arrival) bool {
	if !c.objects.adopt(key) {
		return false
	}
	var section *initSection
	if p := entry.InitPart; p != nil {
		if !c.objects.adopt(p.Key) {
			c.objects.release(key)
			return false
		}
		defer c.objects.release(p.Key) // describe takes a use of its own
		section = &initSection{init: &media.Init{ID: entry.InitID, Hash: entry.InitHash}, part: *p, arrived: entry.Time}
	}
	c.objects.describe(key, entry.Info, section)
	return true
}

// recallFragments lets the fragments wait on. They are read once more: that is less
// than what would have to be written down of them.
func (c *Channel) recallFragments(ctx context.Context) {
	a := &c.arrivals
	for key, f := range a.recalled {
		if in := c.inputs[f.Input]; in == nil || time.Since(f.at) > fragmentAge || !c.objects.adopt(key) {
			delete(a.open, key)
			continue
		}
		size := c.objects.get(key).size
		probed, err := c.probe(ctx, key)
		if err == nil && probed.Fragments == nil {
			err = fmt.Errorf("object %s is no fragment", key)
		}
		if err != nil {
			c.dropFragment(key)
			c.outbox.trouble(c.name, fmt.Errorf("read fragment again: %w", err))
			continue
		}
		b := &c.inputs[f.Input].binder
		if old := b.waiting[f.Path]; old != nil {
			if old.arrived.After(f.at) {
				c.dropFragment(key)
				continue
			}
			c.dropFragment(old.key)
		}
		b.waiting[f.Path] = &fragment{key: key, size: size, fragments: probed.Fragments, arrived: f.at}
	}
	a.recalled = nil
}

// noteFragment notes that a fragment waits. The lock is held.
func (c *Channel) noteFragment(input, path string, f *fragment) {
	if c.arrivals.journal == nil {
		return
	}
	c.arrivals.open[f.key] = true
	c.note(arrival{Time: f.arrived, Fragment: &arrivedFragment{Input: input, Path: path, Key: f.key}}, f.key)
}

// dropFragment gives up a fragment that waited.
func (c *Channel) dropFragment(key string) {
	delete(c.arrivals.open, key)
	c.objects.release(key)
}

// arrive lets a sound object into the core, and notes it first. The lock is held.
func (c *Channel) arrive(object failover.Object) {
	now := time.Now()
	if c.arrivals.journal != nil {
		ob := c.objects.get(object.ID)
		entry := arrival{Time: now, Object: &object, Info: ob.info}
		if ob.init != nil {
			entry.InitID, entry.InitHash, entry.InitPart = ob.init.init.ID, ob.init.init.Hash, &ob.init.part
		}
		c.arrivals.open[object.ID] = true
		c.note(entry, object.ID)
	}
	c.stepAt(now, object)
}

// noteListing notes what is new in a media playlist.
func (c *Channel) noteListing(fact failover.Playlist) {
	a := &c.arrivals
	if a.journal == nil || len(fact.Segments) == 0 {
		return
	}
	of := [2]string{fact.Input, fact.Path}
	last, known := a.listed[of]
	end := fact.Segments[len(fact.Segments)-1].Number
	fresh := fact.Segments
	if known && end >= last && fresh[0].Number <= last {
		// From the last one that was known, so that it joins what was.
		fresh = fresh[last-fresh[0].Number:]
		if len(fresh) == 1 && !fact.EndList {
			return
		}
	}
	a.listed[of] = end
	fact.Segments = fresh
	c.note(arrival{Time: time.Now(), Playlist: &fact}, "")
}

func (c *Channel) note(entry arrival, key string) {
	a := &c.arrivals
	text, err := json.Marshal(entry)
	if err == nil {
		var revision uint64
		if revision, err = a.journal.Append(context.Background(), a.revision, text); err == nil {
			a.revision = revision
			a.refs = append(a.refs, arrivalRef{revision: revision, at: entry.Time, key: key})
			return
		}
	}
	// The channel goes on; only a restart would miss it.
	c.outbox.trouble(c.name, fmt.Errorf("note what arrived: %w", err))
}

// settleArrivals forgets what no slot can be made of any more.
func (c *Channel) settleArrivals(now time.Time, keys []string) {
	a := &c.arrivals
	if a.journal == nil {
		return
	}
	for _, key := range keys {
		delete(a.open, key)
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
	if err := a.journal.Forget(context.Background(), a.refs[n-1].revision+1); err != nil {
		c.outbox.trouble(c.name, fmt.Errorf("shorten journal of arrivals: %w", err))
		return
	}
	a.refs = append([]arrivalRef(nil), a.refs[n:]...)
	a.oldest -= n
}

// forgottenAtOnce is how many records have to be of no use before the journal is
// shortened.
const forgottenAtOnce = 64
