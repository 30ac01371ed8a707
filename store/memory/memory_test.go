package memory_test

import (
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, capacity int64) store.Store { return memory.Open(capacity) })
}
