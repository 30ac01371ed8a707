package failover

import (
	"slices"
	"time"
)

// Objects wait for the playlist that lists them, in any number up to a limit, and not for ever.

// queued is when an object began to wait.
type queued struct {
	path    string
	arrived time.Time
}

// waitingObject is an object that waits, and since when.
type waitingObject struct {
	Object
	arrived time.Time
}

// wait keeps an object until a playlist lists it.
func (in *input) wait(now time.Time, o Object) {
	old, ok := in.waiting[o.Path]
	switch {
	case ok:
		in.channel.release(old.ID)
	case len(in.waiting) >= waitingObjects:
		in.channel.release(o.ID)
		return
	}
	in.waiting[o.Path] = waitingObject{Object: o, arrived: now}
	in.enqueue(o.Path, now)
}

// expire forgets the oldest objects that have waited too long for a playlist. It reports whether there
// are more than are forgotten at once.
func (in *input) expire(now time.Time) (more bool) {
	for range expiredAtOnce {
		in.skipGone()
		if len(in.queue) == 0 || now.Sub(in.queue[0].arrived) <= waitingAge {
			return false
		}
		path := in.queue[0].path
		in.channel.release(in.waiting[path].ID)
		delete(in.waiting, path)
	}
	return true
}

// enqueue notes that an object waits from now on, behind all others.
func (in *input) enqueue(path string, now time.Time) {
	in.skipGone()
	if len(in.queue) >= 2*waitingObjects {
		in.queue = slices.DeleteFunc(in.queue, in.gone)
	}
	in.queue = append(in.queue, queued{path, now})
}

// skipGone drops what no longer waits from the head of the queue.
func (in *input) skipGone() {
	for len(in.queue) > 0 && in.gone(in.queue[0]) {
		in.queue = in.queue[1:]
	}
}

// gone reports whether what came then under this path no longer waits.
func (in *input) gone(q queued) bool {
	w, ok := in.waiting[q.path]
	return !ok || !w.arrived.Equal(q.arrived)
}
