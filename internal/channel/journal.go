package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/store"
)

// journal is a store.Journal of records of one type. It keeps the revision, so that
// whoever appends does not have to. It is guarded by Channel.mu.
type journal[R any] struct {
	what     string // in errors
	records  store.Journal
	revision uint64 // of the last record
	// take is given what others append; nil to ignore it.
	take func(revision uint64, record R) error
}

// openJournal passes all records of the journal of this key to take, in order. After that,
// take gets what another node has appended, as soon as one of our own appends runs into it.
func openJournal[R any](ctx context.Context, st store.Store, key, what string, take func(revision uint64, record R) error) (*journal[R], error) {
	records, err := st.Journal(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open journal of %s: %w", what, err)
	}
	j := &journal[R]{what: what, records: records, take: take}
	if err := j.readOn(ctx); err != nil {
		return nil, err
	}
	return j, nil
}

// readOn reads what comes after the last known revision.
func (j *journal[R]) readOn(ctx context.Context) error {
	var before R
	err := j.records.Read(ctx, j.revision, func(revision uint64, text []byte) error {
		record, err := decode(text, &before)
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		before = record
		j.revision = revision
		if j.take == nil {
			return nil
		}
		return j.take(revision, record)
	})
	if err == nil {
		// All records may have been forgotten.
		j.revision, err = j.records.Last(ctx)
	}
	if err != nil {
		return fmt.Errorf("read journal of %s: %w", j.what, err)
	}
	return nil
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

// append adds a record after all that is known. If another node was faster, nothing is
// written and the error is store.ErrConflict; the journal has been read on by then, and the
// caller decides again.
func (j *journal[R]) append(ctx context.Context, record R) (revision uint64, err error) {
	text, err := json.Marshal(record)
	if err != nil {
		return 0, fmt.Errorf("encode record of %s: %w", j.what, err)
	}
	revision, err = j.records.Append(ctx, j.revision, text)
	if errors.Is(err, store.ErrConflict) {
		err = errors.Join(err, j.readOn(ctx))
	}
	if err != nil {
		return 0, fmt.Errorf("append to journal of %s: %w", j.what, err)
	}
	j.revision = revision
	return revision, nil
}

// forget lets the store drop the records before the revision.
func (j *journal[R]) forget(before uint64) error {
	if err := j.records.Forget(context.Background(), before); err != nil {
		return fmt.Errorf("shorten journal of %s: %w", j.what, err)
	}
	return nil
}
