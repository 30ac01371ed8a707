package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// A disk may be slow, and with fsync it is: nobody waits for it with the channel's lock held. A record
// gets its place in the journal there, and is written once the lock has been released, before whoever
// held it goes on: an upload is acknowledged, and a slot shown to viewers, when their records are as
// safe as the store promises.

// backlogAtMost is how many records of a journal wait to be written. A disk that does not answer for as long
// as it takes to have more gets none of those beyond: a restart would miss them.
const backlogAtMost = 16384

// errBacklog: there is no room for another record.
var errBacklog = fmt.Errorf("%d records wait for the disk already", backlogAtMost)

// backlog is what of a journal is not written yet.
type backlog struct {
	what    string // in errors
	records store.Journal
	// writing has something in it as long as somebody writes. It guards what is known of the store's
	// journal: at is its last revision, and missing how many records it lacks that have been given a
	// revision.
	writing     chan struct{}
	at, missing uint64

	mu      sync.Mutex
	waiting []unwritten
}

// unwritten is a record, or that all before a revision may be forgotten.
type unwritten struct {
	text   []byte
	forget uint64
}

func newBacklog(what string, records store.Journal) *backlog {
	return &backlog{what: what, records: records, writing: make(chan struct{}, 1)}
}

func (b *backlog) add(u unwritten) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) >= backlogAtMost {
		return errBacklog
	}
	b.waiting = append(b.waiting, u)
	return nil
}

// write writes what waits, in order. When it returns, all of that has been tried, also if somebody else
// did so. Channel.mu is not held.
func (b *backlog) write() (err error) {
	b.writing <- struct{}{}
	defer func() { <-b.writing }()
	b.mu.Lock()
	list := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	for _, u := range list {
		if u.text == nil {
			err = errors.Join(err, b.shorten(u.forget))
			continue
		}
		err = errors.Join(err, b.append(u.text))
	}
	return err
}

func (b *backlog) append(text []byte) error {
	ctx := context.Background()
	revision, err := b.records.Append(ctx, b.at, text)
	if errors.Is(err, store.ErrConflict) {
		// One that failed may have been written all the same: nobody else writes here.
		if last, trouble := b.records.Last(ctx); trouble == nil {
			b.at = last
			revision, err = b.records.Append(ctx, b.at, text)
		}
	}
	if err != nil {
		b.missing++
		return fmt.Errorf("append to journal of %s: %w", b.what, err)
	}
	b.at = revision
	return nil
}

// shorten lets the store drop the records before a revision. Those that it lacks make the others come
// earlier, so it may keep a few more.
func (b *backlog) shorten(before uint64) error {
	if before <= b.missing {
		return nil
	}
	if err := b.records.Forget(context.Background(), before-b.missing); err != nil {
		return fmt.Errorf("shorten journal of %s: %w", b.what, err)
	}
	return nil
}

// unfinished is what is left to do once the channel's lock is released: the records to write, and then the
// views to show. It is guarded by that lock.
type unfinished struct {
	journals []*backlog
	views    []unshown
	done     chan struct{} // nil as long as nobody waits for it
}

type unshown struct {
	window *output.Window
	view   *output.View
}

func (u *unfinished) write(b *backlog) {
	for _, known := range u.journals {
		if known == b {
			return
		}
	}
	u.journals = append(u.journals, b)
}

func (u *unfinished) show(w *output.Window) {
	for i := range u.views {
		if u.views[i].window == w {
			u.views[i].view = w.Latest()
			return
		}
	}
	u.views = append(u.views, unshown{w, w.Latest()})
}

// finished is closed when all is done that is left to do now; nil if that is nothing.
func (u *unfinished) finished() <-chan struct{} {
	if u.done == nil && len(u.journals)+len(u.views) > 0 {
		u.done = make(chan struct{})
	}
	return u.done
}

// unlock releases the channel's lock, and does what whoever held it left to do.
func (c *Channel) unlock() {
	todo := c.unfinished
	c.unfinished = unfinished{}
	c.mu.Unlock()
	if todo.done != nil {
		defer close(todo.done)
	}
	for _, b := range todo.journals {
		c.outbox.trouble(b.write())
	}
	for _, v := range todo.views {
		v.window.Show(v.view)
	}
}

// writeAll writes what waits in the channel's journals, for those who read them.
func (c *Channel) writeAll() {
	var journals []*backlog
	c.mu.Lock()
	for _, e := range c.endpoints {
		journals = append(journals, e.journal.backlog)
	}
	if j := c.standing.journal; j != nil {
		journals = append(journals, j.backlog)
	}
	if j := c.arrivals.journal; j != nil {
		journals = append(journals, j.backlog)
	}
	c.unlock()
	for _, b := range journals {
		c.outbox.trouble(b.write())
	}
}
