package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// unlisted are an input's media objects that no playlist has listed yet. An encoder sends
// the playlist a moment later, or never; so they expire, and have limits of their own. It
// is guarded by Channel.mu.
type unlisted struct {
	queue []loneObject // the oldest first; some may be listed by now
	bytes int64
}

type loneObject struct {
	path, key string
	size      int64
}

const (
	// maxUnlisted is how many objects an input may have that no playlist lists: five
	// minutes of segments of 2 s, of 20 renditions, fit into it.
	maxUnlisted = 4096
	// sweepInterval is how often to go through what waits when nothing arrives.
	sweepInterval = 30 * time.Second
)

// keepUnlisted adds an object that has just arrived, and drops the oldest ones if there are
// too many. The lock is held.
func (in *input) keepUnlisted(path, key string, size int64) {
	u := &in.unlisted
	u.queue = append(u.queue, loneObject{path: path, key: key, size: size})
	u.bytes += size
	if !u.over(in.config.Load()) {
		return
	}
	in.pruneUnlisted()
	dropped := 0
	for u.over(in.config.Load()) && len(u.queue) > 1 {
		in.dropOldestUnlisted()
		dropped++
	}
	if dropped > 0 {
		in.overLimit(LimitUnlisted, "", "more than %d objects, or %d bytes (max_unlisted_size), that no playlist lists: the oldest are dropped",
			maxUnlisted, in.config.Load().maxUnlistedSize())
	}
}

func (u *unlisted) over(config *InputConfig) bool {
	return len(u.queue) > maxUnlisted || u.bytes > config.maxUnlistedSize()
}

// maxUnlistedSize is how many bytes an input may have that no playlist lists.
func (ic *InputConfig) maxUnlistedSize() int64 {
	if ic.MaxUnlistedSize > 0 {
		return ic.MaxUnlistedSize
	}
	return 4 * max(ic.MaxSegmentSize, 1<<20)
}

// pruneUnlisted forgets those that were listed, or that are gone.
func (in *input) pruneUnlisted() {
	u := &in.unlisted
	kept := u.queue[:0]
	u.bytes = 0
	for _, o := range u.queue {
		if in.isUnlisted(o) {
			kept = append(kept, o)
			u.bytes += o.size
		}
	}
	clear(u.queue[len(kept):])
	u.queue = kept
}

func (in *input) isUnlisted(o loneObject) bool {
	object := in.objects.get(o.key)
	if object == nil {
		return false
	}
	if in.withheld(o) {
		_, listed := in.core.Locate(in.name, o.path, "")
		return !listed
	}
	if object.info == nil {
		return false // every endpoint is done with it
	}
	_, listed := in.core.Locate(in.name, o.path, o.key)
	return !listed
}

// withheld reports whether the object is a fragment that waits for its initialization
// section, or a segment that is held until the configuration of its run is known: the
// core has not heard of it.
func (in *input) withheld(o loneObject) bool {
	f := in.binder.waiting[o.path]
	return f != nil && f.key == o.key || in.held[o.path].key == o.key
}

func (in *input) dropOldestUnlisted() {
	u := &in.unlisted
	oldest := u.queue[0]
	u.queue = u.queue[1:]
	u.bytes -= oldest.size
	in.dropUnlisted(oldest)
}

func (in *input) dropUnlisted(o loneObject) {
	if in.withheld(o) {
		if in.held[o.path].key == o.key {
			delete(in.held, o.path)
		} else {
			delete(in.binder.waiting, o.path)
		}
		in.dropFragment(o.key)
		return
	}
	// To the core it is as if something unsound had come in its place.
	in.channel.step(failover.Object{Input: in.name, Path: o.path, Fault: failover.ReasonUnlisted})
}

// sweep drops what has waited too long; the core does the same whenever it is told the
// time. The lock is held.
func (in *input) sweep() {
	in.bindWaiting()
	in.freeHeld()
	in.pruneUnlisted()
	in.forgetSilent(time.Now())
}

// waiting reports whether there is something to sweep.
func (in *input) waiting() bool { return len(in.unlisted.queue) > 0 || len(in.binder.waiting) > 0 }
