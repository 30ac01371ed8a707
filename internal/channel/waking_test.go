package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// A node that stood still sends viewers away until it has what the others have, and not longer.
func TestANodeThatWakesCatchesUpFirst(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		nodes := s.startThree()
		n1, n3 := nodes[0], nodes[2]
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		for n := range 7 {
			time.Sleep(segmentTime)
			if n == 2 {
				s.cutOff("n3")
			}
			a.deliver(n)
		}
		if !n3.Ready() {
			t.Error("a node that is alone is not ready")
		}
		time.Sleep(100 * time.Millisecond) // what is published at the moment itself may come a moment later
		s.heal("n3")
		s.mu.Lock()
		s.nodes["n3"].woke = time.Now()
		s.mu.Unlock()
		woke := time.Now()
		if n3.Ready() {
			t.Error("it is ready before it has heard anything")
		}
		for !n3.Ready() {
			time.Sleep(10 * time.Millisecond)
		}
		same(t, n1, n3)
		if took := time.Since(woke); took > time.Second {
			t.Errorf("it took %v to catch up", took)
		}
		if !n1.Ready() {
			t.Error("the others are not ready")
		}
		// Where nobody is left, it does not wait for anybody.
		s.cutOff("n1")
		s.cutOff("n2")
		s.mu.Lock()
		s.nodes["n3"].woke = time.Now()
		s.mu.Unlock()
		time.Sleep(settling)
		if !n3.Ready() {
			t.Error("it waits for the dead")
		}
	})
}

// An upload that got stuck in a node that stood still comes after what the others have taken: a load
// balancer has sent it, and all that follows, to another node, and it would look as if the encoder had
// restarted.
func TestWhatGotStuckInANodeWaitsUntilItHasCaughtUp(t *testing.T) {
	names, segments := testmedia.Segments(t, "18")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		defer s.end()
		nodes := s.startThree()
		n1, n3 := nodes[0], nodes[2]
		a := &encoder{t: t, c: n1, input: "a", names: names, media: segments}
		b := &encoder{t: t, c: n3, input: "b", names: names, media: segments}
		for n := range 3 {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
		}
		time.Sleep(segmentTime)
		s.mu.Lock()
		s.nodes["n3"].woke = time.Now()
		s.mu.Unlock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.deliver(3)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("an upload that got stuck does not wait")
		default:
		}
		a.deliver(3)
		<-done
		if !n3.Ready() {
			t.Error("it did not wait until the node had caught up")
		}
		for n := 4; n < 6; n++ {
			time.Sleep(segmentTime)
			a.deliver(n)
			b.deliver(n)
		}
		same(t, n1, n3)
	})
}
