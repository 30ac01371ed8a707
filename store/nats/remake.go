package nats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watchInterval is how often to see whether the streams are still there, and the same ones.
const watchInterval = 5 * time.Second

// watchStreams makes streams again that somebody has deleted, until the store is closed. What the
// nodes need to know they know without them; the journals begin anew.
func (s *Store) watchStreams() {
	for pause(s.ctx, watchInterval) == nil {
		if err := s.remakeStreams(s.ctx); err != nil && s.ctx.Err() == nil {
			s.tell(StreamsUnavailable, "", err)
		}
	}
}

// remakeStreams makes those that are missing. That servers are away is no error: others tell.
func (s *Store) remakeStreams(ctx context.Context) error {
	for _, wanted := range s.streams() {
		created, err := s.created(ctx, wanted.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			if err := s.prepareStream(ctx, wanted); err != nil {
				return err
			}
			created, err = s.created(ctx, wanted.Name)
		}
		if err != nil {
			return nil //nolint:nilerr // next time
		}
		if wanted.Name != s.names.journals {
			continue
		}
		if !s.born.IsZero() && !created.Equal(s.born) { // by this node, or by another one
			for _, j := range s.openJournals() {
				j.beginAnew(ctx)
			}
			s.tell(StreamsRemade, "", nil)
		}
		s.born = created
	}
	return nil
}

// created is when the stream was made.
func (s *Store) created(ctx context.Context, name string) (time.Time, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	stream, err := s.nodes.JetStream().Stream(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	return stream.CachedInfo().Created, nil
}

// beginAnew forgets where the records are: the stream is another one.
func (j *journal) beginAnew(ctx context.Context) {
	select {
	case j.appending <- struct{}{}:
		j.pending = nil
		defer func() { <-j.appending }()
	case <-ctx.Done():
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.known, j.forget, j.purged, j.shorter = marks{}, 0, 0, time.Time{}
}
