package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profiled takes a CPU profile of the origin during a turn, if that is wanted;
// the last turn's is kept.
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

func (b *bench) takeProfile(ctx context.Context, o *origin, name string, length time.Duration) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", o.admin, int(length.Seconds()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(filepath.Join(b.profile, name+".pprof"), data, 0o644)
}
