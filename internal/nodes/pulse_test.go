package nodes

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that stood still is known to have done so before its own loop finds out.
func TestStandingStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pulse{began: time.Now()}
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			p.beat(time.Now())
		}
		time.Sleep(longStall / 2)
		if woke := p.wokeAt(time.Now()); !woke.IsZero() {
			t.Errorf("a short stall counts, at %v", woke)
		}
		p.beat(time.Now())
		time.Sleep(30 * time.Second)
		if woke := p.wokeAt(time.Now()); !woke.Equal(time.Now()) {
			t.Errorf("before the loop runs it woke at %v", woke)
		}
		woke := time.Now()
		p.beat(woke)
		time.Sleep(50 * time.Millisecond)
		p.beat(time.Now())
		if at := p.wokeAt(time.Now()); !at.Equal(woke) {
			t.Errorf("it woke at %v, not at %v", at, woke)
		}
	})
}
