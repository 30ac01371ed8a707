package channel

import (
	"context"
	"errors"
)

// The journals of all nodes keep what is in an endpoint's window, and somewhat more. A startover window
// has far more slots than links are remembered, so where it begins is looked up in the journal.

// forgetEvery is which part of a window has to be gone until it is looked up: that is work for the servers.
const forgetEvery = 4

// forget lets the journal drop what is older than the record of a number.
func (l *ledger) forget(endpoint string, number uint64) {
	p := l.page(endpoint)
	if !p.mu.TryLock() {
		return // it is being written; the next time will do
	}
	l.mu.Lock()
	last, top := p.last, p.top
	revision, known := p.at[number]
	l.mu.Unlock()
	kept := max(top, number) - number
	due := number > p.forgotten && number-p.forgotten >= kept/forgetEvery
	if p.journal == nil || l.ctx.Err() != nil || !known && !due {
		p.mu.Unlock()
		return
	}
	go func() {
		defer p.mu.Unlock()
		ctx, cancel := context.WithTimeout(l.ctx, ledgerTimeout)
		defer cancel()
		if !known {
			if revision, known = p.locate(ctx, number, last, top); !known {
				return
			}
		}
		if p.journal.Forget(ctx, revision) == nil { // else the next time will do
			p.forgotten = number
		}
	}()
}

// locate is the revision of the record of a number, or of one before that. The last record is known, and
// at least as many revisions lie between as there are records. Of those after the one that is looked for,
// none has a number as low as that: it would have replaced it. The first one that is read is the right one,
// unless histories were replaced since. p.mu is held.
func (p *page) locate(ctx context.Context, number, last, top uint64) (revision uint64, found bool) {
	for read := uint64(0); ; read = last {
		if number > top || last <= top-number {
			return 0, false // it is gone already
		}
		at := &link{}
		err := p.journal.Read(ctx, last-(top-number)-1, func(revision uint64, text []byte) (err error) {
			if at, err = linkOf(text); err != nil {
				return err
			}
			last = revision
			return errEnough
		})
		switch {
		case !errors.Is(err, errEnough), at == nil:
			return 0, false
		case at.Number <= number, last == read: // or there is nothing older
			return last, true
		}
		top = at.Number
	}
}
