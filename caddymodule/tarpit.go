package caddymodule

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// heldTime is how long the answer to wrong credentials is held back, plus up to half as
	// long again, at random: guessers that began together don't come back together.
	heldTime = time.Second
	// maxHeld is how many answers of the process are held back; each takes a goroutine
	// and a connection that the stranger has opened anyway. Beyond that they go out at
	// once.
	maxHeld = 512
)

// heldBack are the answers to wrong credentials of all inputs.
var heldBack = &tarpit{time: heldTime}

// tarpit holds answers back, so that nobody can guess in a tight loop: a new connection and
// an answer cost the server more than one wrong password is worth to anybody. Those who
// have just mistyped their own wait a second.
type tarpit struct {
	time time.Duration
	now  atomic.Int64 // how many are held back
}

// hold waits before an answer, but not for a client that has left.
func (t *tarpit) hold(ctx context.Context) {
	defer t.now.Add(-1)
	if t.now.Add(1) > maxHeld || t.time == 0 {
		return
	}
	wait := time.NewTimer(t.time + rand.N(t.time/2))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}
