package caddymodule

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// clockWatch notices when the clock of the machine is set. No deadline moves then, but an operator has
// to know: what is on air keeps the dates that it began with.
type clockWatch struct {
	mu   sync.Mutex
	last time.Time // with the monotonic reading
}

const (
	// clockLook is how often it is looked at, at most.
	clockLook = time.Second
	// clockStep is by how much a clock has to be set to be told of: less is NTP's everyday work.
	clockStep = 2 * time.Second
)

// look reports by how much the clock was set since it was looked at before.
func (c *clockWatch) look(now time.Time) (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.IsZero() {
		c.last = now
		return 0
	}
	elapsed := now.Sub(c.last)
	if elapsed < clockLook {
		return 0
	}
	by = setBy(now.Round(0).Sub(c.last.Round(0)), elapsed)
	c.last = now
	return by
}

// setBy is by how much a clock was set that went on by shown within elapsed, 0 for next to nothing.
func setBy(shown, elapsed time.Duration) time.Duration {
	if by := shown - elapsed; by > clockStep || by < -clockStep {
		return by
	}
	return 0
}

// watchClock warns if the clock was set. Uploads call it, so it takes no timer of its own.
func (a *App) watchClock() {
	if by := a.clock.look(time.Now()); by != 0 {
		a.logger.Warn("the clock of this machine was set: what is on air keeps the dates that it has until its encoder starts anew, or its timestamps jump",
			zap.Duration("by", by))
	}
}

// warnOfUnsetClock says at the start that no clock can be right that shows a time before there was any
// such origin.
func (a *App) warnOfUnsetClock(now time.Time) {
	if now.Before(clockUnset) {
		a.logger.Warn("the clock of this machine is not set: dates, startover and the numbers of segments begin at a wrong time; start Caddy after time-sync.target", zap.Time("clock", now))
	}
}
