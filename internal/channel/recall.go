package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// recall is how a channel goes on with what an earlier process knew: arrivals here,
// standing facts in recall_standing.go. Channel.mu is held.
type recall struct {
	*desk
	inputs map[string]*input
}

// arrived goes on with what had not been published before the restart.
func (r *recall) arrived(ctx context.Context) error {
	if !r.persistent() && r.nodes == nil {
		return nil
	}
	r.orders() // before what arrived: they stood while that was decided on
	r.arrivals = arrivals{open: map[string]bool{}, recalled: map[string]arrivedFragment{}}
	a := &r.arrivals
	var err error
	// No endpoint can have this name.
	a.journal, err = openJournal(ctx, r.journals, r.name+arrivedMedia, "arrivals", &r.unfinished, r.outbox.trouble, func(revision uint64, entry arrival) error {
		r.arrival(revision, entry)
		return nil
	})
	if err != nil {
		return err
	}
	r.texts()
	return nil
}

// arrival tells the core about it again, as of that time.
func (r *recall) arrival(revision uint64, entry arrival) {
	r.clock.notBefore(entry.Time)
	ref := arrivalRef{revision: revision, at: entry.Time}
	switch {
	case entry.Removed:
		r.arrivals.lists = nil
	case entry.Playlist != nil:
		r.arrivals.refs = append(r.arrivals.refs, ref)
		r.arrivals.recallList(entry)
		r.channel.stepAt(entry.Time, *entry.Playlist)
	case entry.Fragment != nil:
		f := *entry.Fragment
		ref.key, f.at = f.Key, entry.Time
		r.arrivals.open[f.Key], r.arrivals.recalled[f.Key] = true, f
		r.arrivals.refs = append(r.arrivals.refs, ref)
	case entry.Object != nil && entry.Info != nil:
		object := *entry.Object
		if ob := r.objects.get(object.ID); ob != nil && ob.info != nil {
			return // what another node has of it as well
		}
		delete(r.arrivals.recalled, object.ID)
		delete(r.arrivals.open, object.ID)
		if r.adopt(object.ID, object.Size, entry) {
			ref.key = object.ID
			r.arrivals.open[object.ID] = true
		} else {
			object.Gone = true
		}
		if in := r.inputs[object.Input]; in != nil {
			in.remember(object.Path, entry.Info)
			if !object.Gone {
				in.recallObject(object.Path, object.ID, object.Hash, entry.Time)
			}
		}
		r.arrivals.refs = append(r.arrivals.refs, ref)
		r.channel.stepAt(entry.Time, object)
	}
}

// adopt takes over the bytes, if they are still there, all of them.
func (r *recall) adopt(key string, size int64, entry arrival) bool {
	if !r.objects.adopt(key, size) {
		return false
	}
	var section *initSection
	if p := entry.InitPart; p != nil {
		if !r.objects.adopt(p.Key, p.Offset+p.Size) {
			r.objects.release(key)
			return false
		}
		defer r.objects.release(p.Key) // describe takes a use of its own
		section = &initSection{init: &media.Init{ID: entry.InitID, Hash: entry.InitHash}, part: *p, arrived: entry.Time}
	}
	r.objects.describe(key, entry.Info, section)
	return true
}

// fragments puts the waiting fragments back. They are read again: that is less than what
// would have to be recorded about them.
func (r *recall) fragments(ctx context.Context) {
	a := &r.arrivals
	for key, f := range a.recalled {
		if in := r.inputs[f.Input]; in == nil || time.Since(f.at) > fragmentAge || !r.objects.adopt(key, 0) {
			delete(a.open, key)
			continue
		}
		size := r.objects.get(key).size
		probed, err := r.objects.probe(ctx, key)
		if err == nil && probed.Fragments == nil {
			err = fmt.Errorf("object %s is no fragment", key)
		}
		if err != nil {
			r.dropFragment(key)
			r.outbox.trouble(fmt.Errorf("read fragment again: %w", err))
			continue
		}
		b := &r.inputs[f.Input].binder
		if old := b.waiting[f.Path]; old != nil && old.arrived.After(f.at) {
			r.dropFragment(key)
			continue
		}
		if replaced := b.wait(f.Path, &fragment{key: key, hash: f.Hash, size: size, fragments: probed.Fragments, arrived: f.at}); replaced != nil {
			r.dropFragment(replaced.key)
		}
		r.inputs[f.Input].recallObject(f.Path, key, f.Hash, f.at)
	}
	a.recalled = nil
}
