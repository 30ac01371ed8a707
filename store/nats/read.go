package nats

import (
	"context"
	"fmt"
	"time"
)

// stallTimeout is how long Read goes on when no server gives it anything.
const stallTimeout = 10 * time.Second

// Read implements store.Journal. It gives at least what the journal's leader had when it
// was called, and all that this node has learned of.
func (j *journal) Read(ctx context.Context, after uint64, yield func(revision uint64, record []byte) error) error {
	var stopped error
	err := j.read(ctx, after, func(revision uint64, record []byte) error {
		stopped = yield(revision, record)
		return stopped
	})
	if err != nil && stopped == nil {
		return fmt.Errorf("read journal %q: %w", j.name, err)
	}
	return err
}

func (j *journal) read(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	// The caller's function may take its time: only the waiting for servers is bounded.
	ctx, done, err := j.store.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	goal, sequence, err := j.span(ctx, after)
	if err != nil {
		return err
	}
	waiting := time.Now()
	for after < goal {
		batch, err := j.store.directBatch(ctx, j.store.names.journals, j.subject, sequence)
		for _, m := range batch {
			sequence = m.sequence + 1
			j.learn(m)
			if m.revision <= after {
				continue
			}
			after = m.revision
			if err := yield(m.revision, m.record); err != nil {
				return err
			}
		}
		if len(batch) > 0 {
			waiting = time.Now()
			continue
		}
		// A server that lags behind has not got it yet.
		if pause(ctx, lagWait) != nil || time.Since(waiting) > stallTimeout {
			return ended(ctx, err)
		}
	}
	return nil
}

// span says up to which revision to read, and from where.
func (j *journal) span(ctx context.Context, after uint64) (goal, sequence uint64, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	newest, err := j.newest(ctx)
	if err != nil || newest.revision <= after {
		return newest.revision, 0, err
	}
	sequence, err = j.locate(ctx, after)
	return newest.revision, sequence, err
}
