package nats

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
)

// reach is what is known of the addresses of other nodes. One that did not work is looked at again in the
// background, and not with an object: somebody waits for that, and so does what came after it.
type reach struct {
	again  time.Duration // after which it is looked at again
	mu     sync.Mutex
	failed map[string]*failure // by address
}

func newReach(again time.Duration) reach { return reach{again: again, failed: map[string]*failure{}} }

// failure is an address that did not work when it was used or looked at last.
type failure struct {
	at      time.Time
	looking bool
}

// reaches reports whether a node's objects are asked for at the address of their URLs, as far as is known.
func (s *Store) reaches(h *holder) bool {
	address, r := addressOf(h.head.URL), &s.reach
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.failed[address]
	if f == nil {
		return true
	}
	if !f.looking && time.Since(f.at) >= r.again {
		f.looking = true
		s.fetches.running.Go(func() { s.look(h.node, address) })
	}
	return false
}

// unreached notes that an address did not work.
func (s *Store) unreached(objectURL string) {
	r := &s.reach
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) >= recentKeys {
		r.failed = map[string]*failure{}
	}
	r.failed[addressOf(objectURL)] = &failure{at: time.Now()}
}

// look notes whether a node answers at an address.
func (s *Store) look(node, address string) {
	err := s.answers(address)
	if err != nil && s.ctx.Err() == nil {
		s.options.Event(nodes.Event{Kind: FetchFailed, Node: node, Err: fmt.Errorf("segments go over NATS, as by HTTP there is no answer: %w", err)})
	}
	r := &s.reach
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.failed, address)
	} else {
		r.failed[address] = &failure{at: time.Now()}
	}
}

// answers asks for nothing, which a node refuses.
func (s *Store) answers(address string) error {
	ctx, cancel := context.WithTimeout(s.ctx, peerDial+peerHeader)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+peerPath, nil)
	if err != nil {
		return err
	}
	response, err := peerClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<10))
	if response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("another server answers there: %s", response.Status)
	}
	return nil
}

// addressOf is the address that the URL of an object begins with.
func addressOf(objectURL string) string {
	u, err := url.Parse(objectURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
