package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// capture is where an encoder pushes segments to that nobody serves.
type capture struct {
	*httptest.Server
	mu       sync.Mutex
	segments map[int][]byte
}

func newCapture(t *testing.T) *capture {
	t.Helper()
	c := &capture{segments: map[int][]byte{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if number, ok := segmentNumber(r.URL.Path); ok && err == nil {
			c.mu.Lock()
			c.segments[number] = body
			c.mu.Unlock()
		}
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(c.Close)
	return c
}

// segment waits for one; nil if it does not come.
func (c *capture) segment(number int) []byte {
	for range 150 {
		c.mu.Lock()
		body := c.segments[number]
		c.mu.Unlock()
		if body != nil {
			return body
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

const insertEndpoints = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				on_defect starved switch
			}
			endpoint calm /calm/sports {
				segment_duration 2s
			}
		}`

// TestABlackInsert: one encoder sends black instead of the programme, of the same length,
// with the same timestamps and from the same settings. Where starved media leads to a
// switch, the other encoder takes over; where it is reported, viewers see black, and the
// segments say so. When it is over, nothing is said any more.
func TestABlackInsert(t *testing.T) {
	t.Parallel()
	// The black is two seconds ahead, so that it is there when it is to be inserted, and the
	// segment is not late instead.
	black := startContributionOf(t, "color=black:size=640x360:rate=25")
	time.Sleep(2 * time.Second)
	source := startContribution(t)
	o := startOrigin(t, insertEndpoints)
	dark := newCapture(t)
	var inserted atomic.Bool
	at := black.beginIn(3 * time.Second) // on a busy machine, an encoder takes a while to start
	black.startEncoderAt(at, dark.URL, muxedOutput(dark.URL)...)
	target := newLink(t, o, func(_ string, number int, body []byte) []byte {
		if inserted.Load() {
			return dark.segment(number)
		}
		return body
	}).URL + "/in/sports/a"
	source.startEncoderAt(at, target, muxedOutput(target)...)
	fast, calm := watch(t, o, "/fast/sports"), watch(t, o, "/calm/sports")
	fast.wait(1)
	target = o.url("/in/sports/b")
	source.startEncoder(target, muxedOutput(target)...)
	fast.wait(10) // until it is known what is usual
	inserted.Store(true)
	fast.wait(6)
	inserted.Store(false)
	fast.wait(4)
	fast.finish()
	calm.finish()
	if fast.lastInput() != "b" || calm.lastInput() != "a" {
		t.Errorf("the endpoints are on %s and %s, not on b and a", fast.lastInput(), calm.lastInput())
	}
	switches := o.log.find("active input switched")
	if len(switches) != 1 || switches[0]["reason"] != "starved" || switches[0]["seamless"] != true {
		t.Errorf("the switches were %v", switches)
	}
	reported := 0
	for _, s := range calm.one().segments {
		if strings.Contains(s.defects, "starved") {
			reported++
		}
	}
	last := calm.one().segments[len(calm.one().segments)-1]
	if reported < 3 || last.defects != "" || !strings.Contains(last.static, "com.live-origin-score=100") {
		t.Errorf("%d segments were reported as starved, and of the last one it is said: %q, %q", reported, last.defects, last.static)
	}
	if slices.ContainsFunc(fast.one().segments[2:], func(s followedSegment) bool { return s.discontinuity }) {
		t.Error("viewers saw a discontinuity")
	}
}
