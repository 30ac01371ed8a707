package channel

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/store"
)

// journal is a store.Journal of records of one type, to which nobody else appends. It is guarded by
// Channel.mu, except for its backlog: what is appended is written once that has been released.
type journal[R any] struct {
	*backlog
	revision uint64 // of the last record
	later    *unfinished
}

// openJournal passes all records of the journal of this key to take, in order. later is told what has to be
// written. A record that can't be read, as one of another version, is an error, or, where others are of use
// without it, leftOut is told.
func openJournal[R any](ctx context.Context, st store.Store, key, what string, later *unfinished, leftOut func(error), take func(revision uint64, record R) error) (*journal[R], error) {
	records, err := st.Journal(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open journal of %s: %w", what, err)
	}
	j := &journal[R]{backlog: newBacklog(what, records), later: later}
	var before R
	err = records.Read(ctx, 0, func(revision uint64, text []byte) error {
		record, err := decode(text, &before)
		if err != nil && leftOut != nil {
			leftOut(fmt.Errorf("record %d of the journal of %s is left out: it can't be read: %w", revision, what, err))
			return nil
		}
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		before = record
		return take(revision, record)
	})
	if err == nil {
		// All records may have been forgotten.
		j.at, err = records.Last(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read journal of %s: %w", what, err)
	}
	j.revision = j.at
	j.tried.Store(j.at)
	return j, nil
}

// decode reads a record. Types of which there are very many know a faster way, which covers
// what they usually are.
func decode[R any](text []byte, before *R) (record R, err error) {
	if fast, ok := any(&record).(interface{ read([]byte, *R) bool }); ok {
		if fast.read(text, before) {
			return record, nil
		}
		var none R
		record = none
	}
	return record, json.Unmarshal(text, &record)
}

// append adds a record. One that does not get into the journal has a revision all the same.
func (j *journal[R]) append(record R) (revision uint64, err error) {
	text, err := json.Marshal(record)
	if err != nil {
		return j.revision, fmt.Errorf("encode record of %s: %w", j.what, err)
	}
	j.later.write(j.backlog)
	j.revision++
	return j.revision, j.add(text)
}

// forget lets the store drop the records before the revision, once all others are written.
func (j *journal[R]) forget(before uint64) { j.later.forget(j.backlog, before) }
