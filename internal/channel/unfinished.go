package channel

import (
	"slices"
	"sync"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// unfinished is what is left to do once the channel's lock is released, in this order: records to write,
// views to show, records to forget, objects to delete and slots to release. It is guarded by that lock.
type unfinished struct {
	journals []*backlog
	views    []unshown
	forgets  []unneeded
	objects  []string       // keys
	slots    []*output.Slot // of endpoints that are gone
	// shown are closed when the views are shown.
	shown []chan struct{}
}

// releasedAtOnce is how many slots are released while the lock is held once.
const releasedAtOnce = 64

type unshown struct {
	window *output.Window
	view   *output.View
}

// unneeded are the records of a journal before a revision.
type unneeded struct {
	journal *backlog
	before  uint64
}

func (u *unfinished) write(journals ...*backlog) {
	for _, b := range journals {
		if !slices.Contains(u.journals, b) {
			u.journals = append(u.journals, b)
		}
	}
}

// show has viewers read the latest view of a window, once all that is in it is in the journal.
func (u *unfinished) show(w *output.Window, journal *backlog) {
	u.write(journal)
	for i := range u.views {
		if u.views[i].window == w {
			u.views[i].view = w.Latest()
			return
		}
	}
	u.views = append(u.views, unshown{w, w.Latest()})
}

func (u *unfinished) forget(journal *backlog, before uint64) {
	u.write(journal)
	for i := range u.forgets {
		if f := &u.forgets[i]; f.journal == journal {
			f.before = max(f.before, before)
			return
		}
	}
	u.forgets = append(u.forgets, unneeded{journal, before})
}

// whenShown is closed when all that is to be shown now can be seen; nil if that is nothing.
func (u *unfinished) whenShown() <-chan struct{} {
	switch {
	case len(u.shown) > 0:
		return u.shown[0]
	case len(u.views) == 0:
		return nil
	}
	u.shown = append(u.shown, make(chan struct{}))
	return u.shown[0]
}

func (u *unfinished) delete(key string) { u.objects = append(u.objects, key) }

// release lets go what slots hold, bit by bit: an endpoint may have a million.
func (u *unfinished) release(slots []*output.Slot) { u.slots = append(u.slots, slots...) }

// add takes over what another one, that is later, has to do.
func (u *unfinished) add(later unfinished) {
	u.write(later.journals...)
	for _, v := range later.views {
		if i := slices.IndexFunc(u.views, func(o unshown) bool { return o.window == v.window }); i >= 0 {
			u.views[i] = v
			continue
		}
		u.views = append(u.views, v)
	}
	for _, f := range later.forgets {
		u.forget(f.journal, f.before)
	}
	u.objects = append(u.objects, later.objects...)
	u.shown = append(u.shown, later.shown...)
	u.slots = append(u.slots, later.slots...)
}

func (u *unfinished) empty() bool {
	return len(u.journals) == 0 && len(u.views) == 0 && len(u.forgets) == 0 && len(u.objects) == 0 && len(u.slots) == 0
}

// finishAll does it. The channel's lock is not held.
func (c *Channel) finishAll(u unfinished) {
	for _, b := range u.journals {
		c.outbox.trouble(b.write())
	}
	for _, v := range u.views {
		v.window.Show(v.view)
	}
	for _, shown := range u.shown {
		close(shown)
	}
	for _, f := range u.forgets {
		c.outbox.trouble(f.journal.shorten(f.before))
	}
	for _, key := range u.objects {
		c.objects.delete(key)
	}
	for slots := range slices.Chunk(u.slots, releasedAtOnce) {
		c.mu.Lock()
		c.objects.releaseSlots(slots)
		c.unlock()
	}
}

// unlock releases the channel's lock, and does what whoever held it left to do.
func (c *Channel) unlock() { c.finishAll(c.leave()) }

// leave releases the channel's lock and returns what is left to do.
func (c *Channel) leave() unfinished {
	todo := c.unfinished
	c.unfinished = unfinished{}
	if len(todo.forgets) > 0 || len(todo.objects) > 0 {
		// What stands for it may be in any of them, and be on its way to the disk since earlier.
		todo.write(c.backlogs()...)
	}
	c.mu.Unlock()
	return todo
}

// backlogs are those of all journals of the channel. The lock is held.
func (c *Channel) backlogs() []*backlog {
	var list []*backlog
	for _, e := range c.endpoints {
		list = append(list, e.journal.backlog)
	}
	if j := c.standing.journal; j != nil {
		list = append(list, j.backlog)
	}
	if j := c.arrivals.journal; j != nil {
		list = append(list, j.backlog)
	}
	return list
}

// writeAll writes what waits in the channel's journals, for those who read them.
func (c *Channel) writeAll() {
	c.mu.Lock()
	c.unfinished.write(c.backlogs()...)
	c.unlock()
}

// background finishes what the timer left, for which nobody waits: while a disk does not answer, one
// goroutine waits for it, whatever the timer decides meanwhile.
type background struct {
	mu      sync.Mutex
	waiting unfinished
	ended   chan struct{} // closed when there is nothing left; nil if nothing is done
}

// unlockLater releases the channel's lock, and has done in the background what was left to do.
func (c *Channel) unlockLater() {
	b := &c.background
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.add(c.leave())
	if b.ended == nil && !b.waiting.empty() {
		b.ended = make(chan struct{})
		go c.finishWaiting()
	}
}

func (c *Channel) finishWaiting() {
	b := &c.background
	for {
		todo := b.take()
		if todo.empty() {
			return
		}
		c.finishAll(todo)
	}
}

// take takes what waits. Where that is nothing, it has ended.
func (b *background) take() unfinished {
	b.mu.Lock()
	defer b.mu.Unlock()
	todo := b.waiting
	b.waiting = unfinished{}
	if todo.empty() {
		close(b.ended)
		b.ended = nil
	}
	return todo
}

// wait waits for what is being done.
func (b *background) wait() {
	b.mu.Lock()
	ended := b.ended
	b.mu.Unlock()
	if ended != nil {
		<-ended
	}
}
