package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// ledger writes the histories of the endpoints into the journals of all nodes. That needs a
// quorum of the servers, and takes seconds while they elect a leader, so nothing waits for it:
// what viewers get was told to the other nodes already. It decides which history holds if there
// are two, and is there when all nodes have been restarted.
type ledger struct {
	nodes *nodes
	ctx   context.Context
	close context.CancelFunc

	mu    sync.Mutex
	pages map[string]*page // by endpoint
}

// page is what is known of the journal of one endpoint.
type page struct {
	mu      sync.Mutex // held while the journal is used
	journal store.Journal
	last    uint64 // revision of the last record that is known

	// forgotten is the number before which the journal may have dropped its records. mu guards it.
	forgotten uint64

	// What follows is guarded by ledger.mu.
	top uint64            // number of the last link
	ids map[uint64]string // of the last links, by number
	at  map[uint64]uint64 // their revisions
	// since is when there was something to write that is not written.
	again, running bool
	since          time.Time
}

const (
	// ledgerTimeout is how long one attempt may take, ledgerPause how long to wait before
	// the next one.
	ledgerTimeout = 2 * time.Second
	ledgerPause   = 500 * time.Millisecond
	// ledgerKept is how many links are remembered.
	ledgerKept = 1024
	// agreedAfter is how long nodes have been in contact before this one writes over what
	// the journal has: time for all of them to be heard, and to say which history holds.
	agreedAfter = 5 * time.Second
)

func newLedger(n *nodes) *ledger {
	ctx, cancel := context.WithCancel(context.Background())
	return &ledger{nodes: n, ctx: ctx, close: cancel, pages: map[string]*page{}}
}

func (l *ledger) page(endpoint string) *page {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[endpoint]
	if p == nil {
		p = &page{ids: map[uint64]string{}, at: map[uint64]uint64{}}
		l.pages[endpoint] = p
	}
	return p
}

// write writes what is not in the journal yet, in the background. The channel's lock may be held.
func (l *ledger) write(endpoint string) {
	p := l.page(endpoint)
	l.mu.Lock()
	defer l.mu.Unlock()
	p.again = true
	if p.running || l.ctx.Err() != nil {
		return
	}
	p.running, p.since = true, time.Now()
	go func() {
		for {
			l.mu.Lock()
			if !p.again || l.ctx.Err() != nil {
				p.running, p.since = false, time.Time{}
				l.mu.Unlock()
				return
			}
			p.again = false
			p.since = time.Now()
			l.mu.Unlock()
			l.writeOn(endpoint, p)
		}
	}()
}

// unwritten is for how long there has been something to write that the servers did not take.
func (l *ledger) unwritten() (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pages {
		if !p.since.IsZero() {
			longest = max(longest, time.Since(p.since))
		}
	}
	return longest
}

// writeOn writes until the journal has everything, this node no longer decides, or the journal
// has another history.
func (l *ledger) writeOn(endpoint string, p *page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l.ctx.Err() == nil {
		if err := l.readOn(l.ctx, endpoint, p, false); err != nil {
			l.pause()
			continue
		}
		r := l.next(endpoint, p)
		if r == nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			l.nodes.channel.outbox.trouble(fmt.Errorf("endpoint %s: encode record: %w", endpoint, err))
			return
		}
		ctx, cancel := context.WithTimeout(l.ctx, ledgerTimeout)
		revision, err := p.journal.Append(ctx, p.last, text)
		cancel()
		switch {
		case err == nil:
			l.enter(p, revision, *r.Link)
		case errors.Is(err, store.ErrConflict):
			if err := l.readOn(l.ctx, endpoint, p, true); err != nil {
				l.pause()
			}
		default:
			l.pause() // the same record again: it may have been written
		}
	}
}

func (l *ledger) pause() {
	select {
	case <-l.ctx.Done():
	case <-time.After(ledgerPause):
	}
}

// next is the record to write; nil if there is none, or if it is for others to write. Where the
// journal has another history than this node, that may be the one which holds: only when all
// nodes agree that it does not, what this node has is written after it, and replaces it.
func (l *ledger) next(endpoint string, p *page) (next *record) {
	n := l.nodes
	n.locked(func() {
		e := n.channel.endpoints[endpoint]
		if e == nil || e.chain.last.Writer != n.writer || len(e.chain.recent) == 0 {
			return
		}
		number, differs := l.place(p, &e.chain)
		if differs && !n.agreed(e) {
			return
		}
		if r := e.chain.at(number); r != nil {
			copied := *r
			next = &copied
		}
	})
	return next
}

// place is the number of the record that comes next in the journal, and whether there is another
// one of this number. Of a history that has nothing in common with the journal's, all that is
// remembered comes next, also where it has just begun and the other one is far longer.
func (l *ledger) place(p *page, c *chain) (number uint64, differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number = p.top + 1
	for i := len(c.recent) - 1; i >= 0; i-- {
		at := c.recent[i].Link
		id, ok := p.ids[at.Number]
		switch {
		case id == at.ID:
			return number, differs // and so is all before it
		case ok:
			number, differs = at.Number, true
		}
	}
	first := c.recent[0].Link.Number
	return first, first <= p.top
}

// agreed reports whether all nodes have the same history, for some time. The lock is held.
func (n *nodes) agreed(e *endpoint) bool {
	status := n.group.Status()
	if status.Contact != store.InContact || time.Since(status.Since) < agreedAfter {
		return false
	}
	behind, apart := n.compare(e, n.readPeers(status))
	return !behind && !apart
}

// readOn reads what others have written. The first time, it begins with the last records;
// after that, it does so only if asked to. p.mu is held.
func (l *ledger) readOn(ctx context.Context, endpoint string, p *page, again bool) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if p.journal == nil {
		journal, err := l.nodes.shared.Journal(ctx, l.nodes.channel.name+"/"+endpoint)
		if err != nil {
			return err
		}
		last, err := journal.Last(ctx)
		if err != nil {
			return err
		}
		p.journal, again = journal, true
		if last > ledgerKept {
			p.last = last - ledgerKept
		}
	}
	if !again {
		return nil
	}
	if err := l.checkEnd(ctx, p); err != nil {
		return err
	}
	return p.journal.Read(ctx, p.last, func(revision uint64, text []byte) error {
		at, err := linkOf(text)
		if err != nil {
			return err
		}
		if at != nil {
			l.enter(p, revision, *at)
		}
		p.last = revision
		return nil
	})
}

// checkEnd forgets what the journal held if it ends before that: somebody has deleted it, and it
// begins anew. p.mu is held.
func (l *ledger) checkEnd(ctx context.Context, p *page) error {
	last, err := p.journal.Last(ctx)
	if err != nil || last >= p.last {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p.last, p.top = 0, 0
	clear(p.ids)
	clear(p.at)
	return nil
}

// enter notes what the journal holds: a record replaces the one of the same number, and all
// that came after that. p.mu is held.
func (l *ledger) enter(p *page, revision uint64, at link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Number <= p.top {
		for number := range p.ids {
			if number > at.Number {
				delete(p.ids, number)
				delete(p.at, number)
			}
		}
	}
	p.last, p.top = revision, at.Number
	p.ids[at.Number], p.at[at.Number] = at.ID, revision
	delete(p.ids, at.Number-ledgerKept)
	delete(p.at, at.Number-ledgerKept)
}

// id is the ID of the link of this number in the journal, as far as is known.
func (l *ledger) id(p *page, number uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.ids[number]
}

// written is the ID of the link of this number in the journal; empty if there is none, or if
// the journal can't be read now.
func (l *ledger) written(ctx context.Context, endpoint string, number uint64) string {
	p := l.page(endpoint)
	if id := l.id(p, number); id != "" {
		return id
	}
	if !p.mu.TryLock() {
		// Somebody is writing, and perhaps waits for a quorum.
		select {
		case <-ctx.Done():
		case <-time.After(ledgerPause):
		}
		if !p.mu.TryLock() {
			return l.id(p, number)
		}
	}
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, ledgerPause)
	defer cancel()
	if err := l.readOn(ctx, endpoint, p, true); err != nil {
		return ""
	}
	return l.id(p, number)
}
