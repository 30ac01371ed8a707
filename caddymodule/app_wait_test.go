package caddymodule

import (
	"errors"
	"runtime"
	"sync"
	"testing"
)

// Viewers ask again and again while a config takes effect, which may take a while: nothing is left of those
// who have gone away.
func TestThoseWhoAskDuringAStartLeaveNothingBehind(t *testing.T) {
	live.changing.Lock()
	app := &App{gone: true}
	before := runtime.NumGoroutine()
	var viewers sync.WaitGroup
	for range 100 {
		viewers.Go(func() {
			if err := app.inEffect(); !errors.Is(err, errStarting) {
				t.Errorf("it has begun: %v", err)
			}
		})
	}
	viewers.Wait()
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("%d goroutines wait for the start", n)
	}
	live.changing.Unlock()
	if err := app.inEffect(); err == nil || errors.Is(err, errStarting) {
		t.Errorf("it has ended: %v", err)
	}
}
