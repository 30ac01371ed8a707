package nats

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// watchAhead is how many records may wait for a watcher; one that is slower reads the
	// rest from the stream.
	watchAhead = 256
	// watchInterval is how often a watcher looks for a record whose announcement was lost,
	// and watchRetry how soon it reads again what it could not read.
	watchInterval = 5 * time.Second
	watchRetry    = 250 * time.Millisecond
)

// Watch implements store.Watched. It follows what the stream republishes, which has only
// what was really appended, and reads the holes from the stream.
func (j *journal) Watch(ctx context.Context, after uint64, yield func(revision uint64, record []byte) error) error {
	ctx, done, err := j.store.enter(ctx)
	if err != nil {
		return fmt.Errorf("watch journal %q: %w", j.name, err)
	}
	defer done()
	conn := j.store.nodes.JetStream().Conn()
	appended := make(chan *nats.Msg, watchAhead)
	sub, err := conn.ChanSubscribe(j.store.names.appended(j.name), appended)
	if err != nil {
		return fmt.Errorf("watch journal %q: %w", j.name, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	connected := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(connected)

	var stopped error
	take := func(revision uint64, record []byte) error {
		after = revision
		stopped = yield(revision, record)
		return stopped
	}
	for behind := true; ; {
		wait := watchInterval
		if behind {
			if behind = j.read(ctx, after, take) != nil; behind {
				wait = watchRetry
			}
		}
		if stopped != nil {
			return stopped
		}
		select {
		case m := <-appended:
			switch revision, _ := strconv.ParseUint(m.Header.Get(revisionHeader), 10, 64); {
			case revision <= after:
			case revision == after+1:
				j.learn(parse(m))
				_ = take(revision, m.Data)
			default:
				behind = true
			}
		case <-connected:
			behind = true // what was sent meanwhile is lost
		case <-time.After(wait):
			behind = true
		case <-ctx.Done():
			return fmt.Errorf("watch journal %q: %w", j.name, context.Cause(ctx))
		}
	}
}
