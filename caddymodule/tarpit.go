package caddymodule

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
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
func (t *tarpit) hold(w http.ResponseWriter, r *http.Request) {
	defer t.now.Add(-1)
	if t.now.Add(1) > maxHeld || t.time == 0 {
		return
	}
	held := t.time + rand.N(t.time/2)
	wait := time.NewTimer(held)
	defer wait.Stop()
	readAway(w, r, time.Now().Add(held))
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
}

// readAway reads an unwanted body until its end or some time. What is not read of it counts against all
// that shares a connection of HTTP/2 or 3, as do the encoders behind a proxy. A client that waits for
// "100 Continue" sends nothing.
func readAway(w http.ResponseWriter, r *http.Request, until time.Time) {
	if r.ProtoMajor < 2 || r.Body == nil || r.Body == http.NoBody || strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return
	}
	if http.NewResponseController(w).SetReadDeadline(until) == nil {
		_, _ = io.CopyN(io.Discard, r.Body, drainSize)
	}
}
