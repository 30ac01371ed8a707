package channel

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node that starts goes on with what all nodes have written, where none of them is ready.

// recallTime is how long it is waited for servers that are there and do not answer for the journal:
// those that have just been started elect a leader first. It counts from when they were there: many channels start
// one after the other, and would all wait for the same.
const recallTime = 6 * time.Second

// recallHistories does so for the endpoints whose histories go on there.
func (n *nodes) recallHistories(ctx context.Context, endpoints []EndpointConfig) {
	began := time.Now()
	if since := n.group.Status().Since; !since.IsZero() && since.Before(began) {
		began = since
	}
	for _, e := range endpoints {
		err := n.recallHistory(ctx, e.Name)
		for err != nil && ctx.Err() == nil && time.Since(began) < recallTime && n.group.Status().Contact == store.InContact {
			time.Sleep(ledgerPause)
			err = n.recallHistory(ctx, e.Name)
		}
		if err == nil {
			continue
		}
		n.channel.outbox.trouble(fmt.Errorf("endpoint %s: read the journal of all nodes: %w", e.Name, err))
		if time.Since(began) >= recallTime {
			return
		}
	}
}

// recallHistory copies what comes after what this node has, or all of it, if this node has another history
// or none.
func (n *nodes) recallHistory(ctx context.Context, endpoint string) error {
	written, end, err := n.writtenEnd(ctx, endpoint)
	if err != nil {
		return err
	}
	n.mu.Lock()
	own := n.ends[endpoint]
	n.mu.Unlock()
	if end.link == nil || end.MSN <= own.MSN {
		return nil
	}
	n.noteSeen(endpoint, end.viewed)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// It may be long: only the servers' silence is bounded.
	stalled := time.AfterFunc(ledgerTimeout, cancel)
	defer stalled.Stop()
	alive := func() { stalled.Reset(ledgerTimeout) }
	valid, after, err := validRecords(ctx, written, own.link, alive)
	if err != nil {
		return err
	}
	journal, last, err := n.journalIn(ctx, n.channel.journals, "/"+endpoint)
	if err != nil {
		return err
	}
	if after == 0 && last > 0 {
		if err := journal.Forget(ctx, last+1); err != nil {
			return err
		}
	}
	var some [][]byte // a disk takes many about as fast as one
	size := 0
	write := func() error {
		last, err = journal.Append(ctx, last, some...)
		some, size = nil, 0
		return err
	}
	err = written.Read(ctx, after, func(revision uint64, record []byte) error {
		alive()
		if !valid[revision] {
			return nil
		}
		some, size = append(some, bytes.Clone(record)), size+len(record)
		if size <= answerSize {
			return nil
		}
		return write()
	})
	if err != nil {
		return err
	}
	return write()
}

// writtenEnd is the journal that all nodes write, and where it ends.
func (n *nodes) writtenEnd(ctx context.Context, endpoint string) (written store.Journal, end journalEnd, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	written, last, err := n.journalIn(ctx, n.shared, "/"+endpoint)
	if err != nil || last == 0 {
		return written, end, err
	}
	end, err = endOf(ctx, written, last)
	return written, end, err
}

// validRecords are the revisions of the records that hold: one that has the number of an earlier
// one replaces that, and all that came after it. after is the revision of the one that has this link;
// 0 if none has. alive is called with each record.
func validRecords(ctx context.Context, journal store.Journal, has *link, alive func()) (valid map[uint64]bool, after uint64, err error) {
	type entry struct{ revision, number uint64 }
	var entries []entry
	err = journal.Read(ctx, 0, func(revision uint64, text []byte) error {
		alive()
		at, err := linkOf(text)
		if err != nil || at == nil {
			return err
		}
		for len(entries) > 0 && entries[len(entries)-1].number >= at.Number {
			entries = entries[:len(entries)-1]
		}
		entries = append(entries, entry{revision, at.Number})
		if has != nil && at.ID == has.ID {
			after = revision
		}
		return nil
	})
	valid = make(map[uint64]bool, len(entries))
	for _, e := range entries {
		valid[e.revision] = true
	}
	if !valid[after] {
		after = 0
	}
	return valid, after, err
}
