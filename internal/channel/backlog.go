package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/liveorigin/caddy-live-origin/store"
)

// A disk may be slow, and with fsync it is: nobody waits for it with the channel's lock held. A record
// gets its place in the journal there, and is written once the lock has been released, before whoever
// held it goes on: an upload is acknowledged, and a slot shown to viewers, when their records are as
// safe as the store promises.

// What is given up goes last: a record that another one stands for, and an object that no record names any
// more. So a process that ends at any moment leaves a store in which nothing is missing.

// backlogAtMost and backlogBytes are how many records of a journal wait to be written, and how long they
// are together. A disk that does not answer for as long as it takes to have more gets none of those beyond:
// a restart would miss them.
const (
	backlogAtMost = 16384
	backlogBytes  = 16 << 20
)

// errBacklog: there is no room for another record.
var errBacklog = errors.New("too many records wait for the disk already")

// backlog is what of a journal is not written yet.
type backlog struct {
	what    string // in errors
	records store.Journal
	// writing has something in it as long as somebody writes. It guards what is known of the store's
	// journal: at is its last revision, tried that of the last record that was to be written, missing how
	// many of these it lacks, and lost the last one of them.
	writing     chan struct{}
	at, missing uint64
	tried, lost atomic.Uint64 // for others to read

	mu      sync.Mutex
	waiting [][]byte
	bytes   int
	// refused is how many records there was no room for, behind those that wait.
	refused uint64
}

func newBacklog(what string, records store.Journal) *backlog {
	return &backlog{what: what, records: records, writing: make(chan struct{}, 1)}
}

func (b *backlog) add(text []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused > 0 || len(b.waiting) >= backlogAtMost || b.bytes+len(text) > backlogBytes && len(b.waiting) > 0 {
		b.refused++
		return fmt.Errorf("append to journal of %s: %w", b.what, errBacklog)
	}
	b.waiting = append(b.waiting, text)
	b.bytes += len(text)
	return nil
}

// take takes what waits, and says how many records behind that there was no room for.
func (b *backlog) take() (list [][]byte, refused uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, refused = b.waiting, b.refused
	b.waiting, b.bytes, b.refused = nil, 0, 0
	return list, refused
}

// lose notes that the journal lacks the next records.
func (b *backlog) lose(n uint64) {
	b.missing += n
	b.lost.Store(b.tried.Add(n))
}

// lacks reports whether a record may not be in the journal, although it was given a revision: one that it lacks,
// or one before that.
func (b *backlog) lacks(revision uint64) bool { return revision <= b.lost.Load() }

// takes reports whether the last record that was to be written is in the journal.
func (b *backlog) takes() bool { return b.tried.Load() > b.lost.Load() }

// write writes what waits, in order. When it returns, all of that has been tried, also if somebody else
// did so. Channel.mu is not held.
func (b *backlog) write() error {
	b.writing <- struct{}{}
	defer func() { <-b.writing }()
	var first error
	failed := 0
	list, refused := b.take()
	for _, text := range b.appendAll(list) {
		if err := b.append(text); err != nil {
			first = cmp.Or(first, err)
			failed++
		}
	}
	if refused > 0 {
		b.lose(refused)
	}
	if failed > 1 {
		return fmt.Errorf("%w (and %d more records)", first, failed-1)
	}
	return first
}

// appendAll writes several records at once, which a disk takes about as fast as one. It returns those that
// were not written: one of them was refused.
func (b *backlog) appendAll(list [][]byte) (left [][]byte) {
	if len(list) < 2 {
		return list
	}
	ctx := context.Background()
	_, err := b.records.Append(ctx, b.at, list...)
	written := uint64(len(list))
	if err != nil {
		last, trouble := b.records.Last(ctx)
		if trouble != nil || errors.Is(err, store.ErrConflict) || last < b.at {
			return list
		}
		written = min(last-b.at, written)
	}
	b.at += written
	b.tried.Add(written)
	return list[written:]
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
		b.lose(1)
		return fmt.Errorf("append to journal of %s: %w", b.what, err)
	}
	b.at = revision
	b.tried.Add(1)
	return nil
}

// shorten lets the store drop the records before a revision, unless it lacks some of those from there on: they
// were to stand for the others. Those that it lacks make the others come earlier, so it may keep a few more.
func (b *backlog) shorten(before uint64) error {
	b.writing <- struct{}{}
	defer func() { <-b.writing }()
	if before <= max(b.lost.Load(), b.missing) {
		return nil
	}
	if err := b.records.Forget(context.Background(), before-b.missing); err != nil {
		return fmt.Errorf("shorten journal of %s: %w", b.what, err)
	}
	return nil
}
