package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/store"
)

// group is a channel's connection to the other nodes that run it.
type group struct {
	*nodes.Group
	store *Store
}

// Join implements store.Shared.
func (s *Store) Join(channel string, m store.Member) (store.Group, error) {
	if err := s.checkOpen(); err != nil {
		return nil, fmt.Errorf("join channel %q: %w", channel, err)
	}
	if !store.ValidKey(channel) {
		return nil, fmt.Errorf("join channel %q: %w", channel, store.ErrKey)
	}
	g, err := s.nodes.Join(channel, m)
	if err != nil {
		return nil, err
	}
	return &group{g, s}, nil
}

// Fetch implements store.Group.
func (g *group) Fetch(ctx context.Context, key string, size int64, from string) error {
	object, err := g.store.local.Open(store.Urgent(ctx), key)
	if err == nil {
		return object.Close()
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := g.store.fetch(ctx, key, size, from, g.store.fetches.asked); err != nil {
		return fmt.Errorf("fetch object %q: %w", key, err)
	}
	return nil
}
