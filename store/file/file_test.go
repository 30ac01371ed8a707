package file_test

import (
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
	"github.com/liveorigin/caddy-live-origin/store/storetest"
)

func mustOpen(t testing.TB, o file.Options) *file.Store {
	t.Helper()
	if o.Warn == nil {
		o.Warn = func(err error) { t.Errorf("warning: %v", err) }
	}
	st, err := file.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestConformance(t *testing.T) {
	for name, fsync := range map[string]bool{"without fsync": false, "with fsync": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, capacity int64) store.Store {
				return mustOpen(t, file.Options{Dir: t.TempDir(), MaxSize: capacity, Fsync: fsync})
			})
			storetest.RunDurable(t, func(t *testing.T, dir string) store.Store {
				return mustOpen(t, file.Options{Dir: dir, Fsync: fsync})
			})
		})
	}
}
