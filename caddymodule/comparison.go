package caddymodule

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
)

const (
	// maxComparisons is how many requests may wait for their password to be compared,
	// and maxOfAddress how many of them from one address.
	maxComparisons = 16
	maxOfAddress   = 2
	// maxJoined is how many requests with the same password wait for one comparison.
	maxJoined = 64
	// comparisonWait is how long a request waits for its turn.
	comparisonWait = 10 * time.Second
	// maxAccepted is how many passwords are remembered.
	maxAccepted = 10000
)

// errBusy: too many passwords are being compared.
var errBusy = errors.New("too many passwords are being checked; try again later")

// compared is where all passwords of the process are compared with their hashes, so
// that guessing costs one processor at most, and a known encoder nothing at all. It
// outlives configs: an encoder that was accepted once does not queue behind strangers
// because of a reload.
var compared = newComparisons()

// comparisons compares passwords, one at a time. What was accepted is remembered, as a
// keyed sum: a slow hash is meant to protect the password, in the memory of the process
// too.
type comparisons struct {
	key  [32]byte
	turn chan struct{} // holds one token, that of whoever compares

	mu       sync.Mutex
	accepted map[[sha256.Size]byte][sha256.Size]byte // by sum of the hash: that of the password
	running  map[credential]*comparison
	waiting  counts[netip.Addr]
	queued   int
}

func newComparisons() *comparisons {
	c := &comparisons{
		turn:     make(chan struct{}, 1),
		accepted: map[[sha256.Size]byte][sha256.Size]byte{},
		running:  map[credential]*comparison{},
	}
	_, _ = rand.Read(c.key[:]) // never fails
	return c
}

func (c *comparisons) sum(text []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write(text)
	mac.Sum(sum[:0])
	return sum
}

// compare reports whether the password is that of the hash. suspect says that the address
// has sent wrong ones lately: half of the places are closed to such addresses. Requests
// with the same password wait for one comparison: an encoder that has just started sends on
// many connections at once. Errors: errBusy, and those of the context, which ends the wait
// but not a comparison that has begun.
func (c *comparisons) compare(ctx context.Context, hash caddyauth.Comparer, hashed, password []byte, from netip.Addr, suspect bool) (bool, error) {
	claimed := credential{of: c.sum(hashed), sum: c.sum(password)}
	if c.remembers(claimed) {
		return true, nil
	}
	f, mine := c.join(claimed)
	if f == nil {
		return false, errBusy
	}
	if !mine {
		return f.wait(ctx)
	}
	defer c.land(claimed, f)
	f.ok, f.err = c.compareAlone(ctx, hash, hashed, password, from, suspect)
	if f.ok {
		c.accept(claimed)
	}
	return f.ok, f.err
}

// compareAlone waits for its turn, and compares.
func (c *comparisons) compareAlone(ctx context.Context, hash caddyauth.Comparer, hashed, password []byte, from netip.Addr, suspect bool) (bool, error) {
	if !c.queue(from, suspect) {
		return false, errBusy
	}
	defer c.unqueue(from)
	patience := time.NewTimer(comparisonWait)
	defer patience.Stop()
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-patience.C:
		return false, errBusy
	}
	if err := ctx.Err(); err != nil {
		<-c.turn
		return false, err
	}
	began := time.Now()
	ok, err := hash.Compare(hashed, password)
	if err == nil && ok {
		<-c.turn
		return true, nil
	}
	// Guessing takes half a processor at most: the turn is kept for as long as the
	// comparison took. The answer does not wait for that.
	time.AfterFunc(time.Since(began), func() { <-c.turn })
	return false, err
}

func (c *comparisons) accept(proved credential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.accepted) >= maxAccepted {
		clear(c.accepted)
	}
	c.accepted[proved.of] = proved.sum
}

// credential is a hash and a password that may be its own, as keyed sums.
type credential struct{ of, sum [sha256.Size]byte }

// comparison is one that is under way or waits for its turn.
type comparison struct {
	done   chan struct{}
	joined int // requests that wait for it
	ok     bool
	err    error
}

// join returns the comparison of the credential, and whether the caller is the one who has
// to make it; nil if too many wait for it already.
func (c *comparisons) join(of credential) (f *comparison, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.running[of]
	switch {
	case f == nil:
		f = &comparison{done: make(chan struct{})}
		c.running[of] = f
		return f, true
	case f.joined >= maxJoined:
		return nil, false
	}
	f.joined++
	return f, false
}

// land tells those who wait.
func (c *comparisons) land(of credential, f *comparison) {
	c.mu.Lock()
	delete(c.running, of)
	c.mu.Unlock()
	close(f.done)
}

// wait returns the result of the comparison. One that its own client gave up on has none.
func (f *comparison) wait(ctx context.Context) (bool, error) {
	patience := time.NewTimer(2 * comparisonWait)
	defer patience.Stop()
	select {
	case <-f.done:
		if f.err != nil {
			return false, errBusy
		}
		return f.ok, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-patience.C:
		return false, errBusy
	}
}

func (c *comparisons) remembers(claimed credential) bool {
	c.mu.Lock()
	known, ok := c.accepted[claimed.of]
	c.mu.Unlock()
	return ok && subtle.ConstantTimeCompare(known[:], claimed.sum[:]) == 1
}

func (c *comparisons) queue(from netip.Addr, suspect bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	places := maxComparisons
	if suspect {
		places /= 2
	}
	if c.queued >= places || c.waiting.get(from) >= maxOfAddress {
		return false
	}
	c.queued++
	c.waiting.add(from, 1)
	return true
}

func (c *comparisons) unqueue(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued--
	c.waiting.add(from, -1)
}
