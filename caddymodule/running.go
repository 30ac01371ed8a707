package caddymodule

import (
	"cmp"
	"maps"
	"slices"
)

// eachChannel calls f for every running channel, by name and store. The channel
// stays open during the call. No lock is held: one that closes or starts in the meantime
// may be missed.
//
// A channel that no config has any more runs on, and is seen here, until the last
// upload to it has ended.
func (r *registry) eachChannel(f func(*sharedChannel)) {
	r.mu.Lock()
	channels := slices.Collect(maps.Values(r.channels))
	r.mu.Unlock()
	slices.SortFunc(channels, func(a, b *sharedChannel) int {
		return cmp.Or(cmp.Compare(a.key.name, b.key.name), cmp.Compare(a.key.store, b.key.store))
	})
	for _, c := range channels {
		if !c.acquire() {
			continue
		}
		f(c)
		c.release()
	}
}

// eachStore does the same for open stores.
func (r *registry) eachStore(f func(*sharedStore)) {
	r.mu.Lock()
	stores := slices.Collect(maps.Values(r.stores))
	r.mu.Unlock()
	slices.SortFunc(stores, func(a, b *sharedStore) int { return cmp.Compare(a.identity, b.identity) })
	for _, s := range stores {
		if !s.acquire() {
			continue
		}
		f(s)
		s.release()
	}
}
