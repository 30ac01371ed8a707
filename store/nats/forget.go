package nats

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// purgeInterval is how often forgotten records are purged.
const purgeInterval = 5 * time.Second

// Forget implements store.Journal. The records go a little later, so that nobody waits for
// the servers.
func (j *journal) Forget(ctx context.Context, before uint64) error {
	_, done, err := j.store.enter(ctx)
	if err != nil {
		return fmt.Errorf("forget in journal %q: %w", j.name, err)
	}
	defer done()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget = max(j.forget, before)
	return nil
}

// purgeForgotten purges what was forgotten, until the store is closed.
func (s *Store) purgeForgotten() {
	for pause(s.ctx, purgeInterval) == nil {
		for _, j := range s.openJournals() {
			ctx, cancel := bound(s.ctx)
			_ = j.purge(ctx) // next time
			cancel()
		}
	}
}

// purge purges what was forgotten, but never the newest record. All nodes do it, and each
// purge is work for all servers: so it waits until there is something worth it, which is a
// quarter of what is kept.
func (j *journal) purge(ctx context.Context) error {
	j.mu.Lock()
	before, purged, tail := j.forget, j.purged, j.known.tail()
	j.mu.Unlock()
	if before <= max(purged, 1) {
		return nil
	}
	if tail.revision < before {
		var err error
		if tail, err = j.newest(ctx); err != nil {
			return err
		}
		before = min(before, tail.revision)
	}
	if before <= max(purged, 1) || 4*(before-purged) < tail.revision-before {
		return nil
	}
	sequence, err := j.locate(ctx, before-1)
	if err != nil {
		return err
	}
	if err := j.store.purge(ctx, j.subject, sequence); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.purged = before
	return nil
}

// purge removes the messages of a subject that are before the sequence.
func (s *Store) purge(ctx context.Context, subject string, before uint64) error {
	request, err := json.Marshal(struct {
		Filter string `json:"filter"`
		Seq    uint64 `json:"seq"`
	}{subject, before})
	if err != nil {
		return err
	}
	m, err := s.nodes.JetStream().Conn().RequestWithContext(ctx, "$JS.API.STREAM.PURGE."+s.names.journals, request)
	if err != nil {
		return err
	}
	return answered(m.Data)
}
