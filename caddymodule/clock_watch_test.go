package caddymodule

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// A clock that is set is told of, with how far; NTP's everyday work is not, nor is time that passes.
func TestClockThatIsSet(t *testing.T) {
	for name, c := range map[string]struct{ shown, elapsed, want time.Duration }{
		"time passes":                  {time.Hour, time.Hour, 0},
		"slewed":                       {time.Second + 400*time.Millisecond, time.Second, 0},
		"an hour ahead":                {time.Hour + time.Second, time.Second, time.Hour},
		"an hour back":                 {time.Second - time.Hour, time.Second, -time.Hour},
		"a machine that knows at last": {56 * 365 * 24 * time.Hour, 0, 56 * 365 * 24 * time.Hour},
	} {
		if by := setBy(c.shown, c.elapsed); by != c.want {
			t.Errorf("%s: set by %v, want %v", name, by, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var watch clockWatch
		for range 100 {
			if by := watch.look(time.Now()); by != 0 {
				t.Fatalf("set by %v", by)
			}
			time.Sleep(700 * time.Millisecond)
		}
	})
}

// A machine without a clock of its own begins in 1970.
func TestClockThatIsNotSet(t *testing.T) {
	core, logs := zapobserver.New(zap.WarnLevel)
	a := &App{logger: zap.New(core)}
	a.warnOfUnsetClock(time.Now())
	if logs.Len() != 0 {
		t.Error("a clock that is right is warned of")
	}
	a.warnOfUnsetClock(time.Unix(30, 0))
	if logs.Len() != 1 {
		t.Error("a clock that is not set is not warned of")
	}
}
