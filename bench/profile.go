package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profiled takes a CPU profile of the origin during a turn, if requested; the last turn's
// is kept.
func (b *bench) profiled(o *origin, name string, run func(context.Context) (float64, error)) func(context.Context) (float64, error) {
	if b.profile == "" {
		return run
	}
	return func(ctx context.Context) (float64, error) {
		done := make(chan error, 1)
		go func() { done <- b.takeProfile(ctx, o, name, b.time) }()
		value, err := run(ctx)
		if err != nil {
			return 0, err
		}
		return value, <-done
	}
}

// takeProfile writes a CPU profile of the given length, and all allocations since the
// origin started.
func (b *bench) takeProfile(ctx context.Context, o *origin, name string, length time.Duration) error {
	for _, p := range []struct{ from, to string }{
		{fmt.Sprintf("profile?seconds=%d", int(length.Seconds())), ".pprof"}, {"allocs", ".allocs.pprof"},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.admin+"/debug/pprof/"+p.from, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		file := strings.ReplaceAll(name, ", HTTP/", "-http") + p.to
		if err := os.WriteFile(filepath.Join(b.profile, file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
