//go:build unix

package natstest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natsserver"
)

var binary = sync.OnceValues(func() (string, error) { return natsserver.Build(context.Background(), nil) })

// Need skips the test loudly if nats-server can't be built, and fails it in CI, where
// nothing may be skipped. It returns the path of the program.
func Need(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err == nil {
		return path
	}
	needs.Missing(t, fmt.Sprintf("nats-server can't be built: %v", err))
	return ""
}
