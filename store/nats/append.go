package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// tryTimeout bounds one try to append.
	tryTimeout = time.Second
	// retryWait is how long to wait when it is not known what became of a call, and lagWait
	// when a server only lags behind.
	retryWait = 50 * time.Millisecond
	lagWait   = 5 * time.Millisecond
	// lagTime is how long servers are asked again so soon.
	lagTime = 500 * time.Millisecond
)

// codeInProcess: a message of this id is being stored. Package jetstream has no name for it.
const codeInProcess jetstream.ErrorCode = 10158

// attempt is a record that may be in the stream, or may come to be.
//
// As long as that is not known, the same bytes are sent again under the same id, and the
// journal takes nothing else of this node. The expected sequence makes sure that a
// revision is taken once; the id, that the one who took it is told so quickly.
type attempt struct {
	last     uint64 // the revision that it goes behind,
	sequence uint64 // and the place of that
	id       string
	record   []byte
	sent     bool
}

// Append implements store.Journal. An error of the context leaves open whether the record
// was written. Another Append of the same record behind the same revision takes that up;
// one of another record finds out first, and fails with ErrConflict if the record was
// written after all. Several are written one after the other, each once the one before is
// certain: another node may append as well.
func (j *journal) Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error) {
	for _, record := range records {
		if len(record) > MaxRecord {
			return 0, fmt.Errorf("append to journal %q: %w: it has %d bytes, but at most %d can be sent", j.name, store.ErrTooLarge, len(record), MaxRecord)
		}
	}
	ctx, done, err := j.store.begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("append to journal %q: %w", j.name, err)
	}
	defer done()
	for _, record := range records {
		began := time.Now()
		err = j.append(ctx, last, record)
		j.outcome(began, err)
		if err != nil {
			return 0, fmt.Errorf("append to journal %q: %w", j.name, err)
		}
		last++
	}
	return last, nil
}

func (j *journal) append(ctx context.Context, last uint64, record []byte) error {
	select {
	case j.appending <- struct{}{}:
		defer func() { <-j.appending }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p := j.pending; p != nil {
		err := j.settle(ctx)
		if err == nil && p.last == last && bytes.Equal(p.record, record) {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("the append before this one is still undecided: %w", err)
		}
	}
	sequence, err := j.place(ctx, last)
	if err != nil {
		return err
	}
	j.attempts++
	j.pending = &attempt{
		last:     last,
		sequence: sequence,
		id:       fmt.Sprintf("%s-%s-%s-%d-%d", j.store.options.Node, j.store.epoch, j.name, last+1, j.attempts),
		record:   bytes.Clone(record),
	}
	return j.settle(ctx)
}

// place is the sequence of the revision, which must be the last one as far as is known.
func (j *journal) place(ctx context.Context, last uint64) (uint64, error) {
	tail := j.tail()
	if last > tail.revision {
		var err error
		if tail, err = j.newest(ctx); err != nil {
			return 0, err
		}
	}
	if last != tail.revision {
		return 0, fmt.Errorf("last revision is %d, not %d: %w", tail.revision, last, store.ErrConflict)
	}
	return tail.sequence, nil
}

// settle sends what is pending until it is certain what became of it: nil means that it was
// written, ErrConflict that it was not and never will be. After any other error it is still
// pending, unless the server refused the very first try.
func (j *journal) settle(ctx context.Context) error {
	p, began := j.pending, time.Now()
	var said error // why it is not written: what a server has answered, rather than that there was no more time
	for {
		again := p.sent
		ack, err := j.try(ctx, p)
		wait := retryWait
		if said == nil || errorCode(err) != 0 {
			said = err
		}
		switch {
		case err == nil:
			j.pending = nil
			j.mark(mark{revision: p.last + 1, sequence: ack.Sequence})
			return nil
		case isWrongSequence(err):
			owner, readErr := j.store.directNext(ctx, j.store.names.journals, j.subject, p.sequence+1)
			if readErr == nil {
				j.pending = nil
				if owner.id == p.id {
					j.learn(owner)
					return nil
				}
				j.replaced(p.last, owner)
				return fmt.Errorf("revision %d is another node's: %w", p.last+1, store.ErrConflict)
			}
			if j.isShorter(ctx, p) {
				j.pending = nil
				return fmt.Errorf("revision %d, which it is to follow, is gone: %w", p.last, store.ErrConflict)
			}
			// Somebody's append is in process, perhaps an earlier try of this one.
			if wait = lagWait; time.Since(began) > lagTime {
				wait = retryWait
			}
		case isRefusal(err):
			if !again {
				j.pending = nil
			}
			return err
		}
		if pause(ctx, wait) != nil {
			return ended(ctx, said)
		}
	}
}

// try sends it once.
func (j *journal) try(ctx context.Context, p *attempt) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	p.sent = true
	m := nats.NewMsg(j.subject)
	m.Data = p.record
	m.Header.Set(revisionHeader, strconv.FormatUint(p.last+1, 10))
	ack, err := j.store.nodes.JetStream().PublishMsg(ctx, m,
		jetstream.WithExpectLastSequencePerSubject(p.sequence),
		jetstream.WithMsgID(p.id),
		jetstream.WithRetryAttempts(0))
	if err == nil && ack.Sequence <= p.sequence {
		return nil, fmt.Errorf("the server answered with sequence %d, which can't be", ack.Sequence)
	}
	return ack, err
}

// isWrongSequence reports that the subject's last message is another one than was expected,
// or was at that moment.
func isWrongSequence(err error) bool {
	switch errorCode(err) {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return true
	}
	return false
}

// isRefusal reports that the message is not one that the servers take, as one that is too
// large. Anything else may have been written, or may be over soon.
func isRefusal(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) {
		return true
	}
	var answer *jetstream.APIError
	return errors.As(err, &answer) && answer.Code >= 400 && answer.Code < 500 &&
		answer.ErrorCode != codeInProcess && !isWrongSequence(err)
}

// errorCode is the code of an error that a server answered with, 0 for others.
func errorCode(err error) jetstream.ErrorCode {
	var answer *jetstream.APIError
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.ErrorCode
}
