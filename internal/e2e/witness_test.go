package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// witness is an encoder of the same programme, on the same machine, that uploads to a
// server that does nothing else. What is late there, no origin has delayed.
type witness struct {
	mu      sync.Mutex
	uploads []witnessed
}

// witnessed is a segment: when it was there, and how long after its place in the programme.
type witnessed struct {
	at    time.Time
	after time.Duration
}

func startWitness(t *testing.T, source *contribution) *witness {
	t.Helper()
	w := &witness{}
	begun := time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if number, ok := segmentNumber(r.URL.Path); ok {
			place := time.Duration(float64(number) * segmentSeconds * float64(time.Second))
			now := time.Now()
			w.mu.Lock()
			w.uploads = append(w.uploads, witnessed{now, now.Sub(begun) - place})
			w.mu.Unlock()
		}
		rw.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(server.Close)
	source.startEncoder(server.URL)
	return w
}

// around is how late the latest upload within three segments' length of a point in time
// was, after the rhythm of all. One that never came says nothing: then the encoder ended.
func (w *witness) around(t time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.uploads) == 0 {
		return 0
	}
	var all []time.Duration
	var latest time.Duration
	const near = 3 * segmentSeconds * float64(time.Second)
	for _, u := range w.uploads {
		all = append(all, u.after)
		if u.at.Sub(t).Abs() < time.Duration(near) {
			latest = max(latest, u.after)
		}
	}
	slices.Sort(all)
	return max(0, latest-all[len(all)/2])
}
