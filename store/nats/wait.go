package nats

import (
	"context"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// callTimeout bounds calls whose context has no deadline.
const callTimeout = 10 * time.Second

// enter begins a call that waits for others. Its context ends with the caller's, and with
// the store.
func (s *Store) enter(ctx context.Context) (context.Context, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := s.checkOpen(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(store.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }, nil
}

// begin is enter for a call to the servers that takes callTimeout at most.
func (s *Store) begin(ctx context.Context) (context.Context, func(), error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := bound(ctx)
	return ctx, func() { cancel(); done() }, nil
}

// bound sets a deadline if there is none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callTimeout)
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ended is why a call was given up: its context, and what it was waiting for.
func ended(ctx context.Context, last error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil && last == nil:
		return errStalled
	case cause == nil:
		return last
	case last == nil:
		return cause
	}
	return fmt.Errorf("%w (%w)", cause, last)
}
