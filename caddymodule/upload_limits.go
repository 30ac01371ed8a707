package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// uploadsPerRendition is how many uploads an input may have at a time by default,
	// for each of its renditions: segment and playlist, and as much again for an encoder
	// that is catching up.
	uploadsPerRendition = 4

	defaultUploadRate = 1 << 10
	// rateGrace is how long an upload may be as slow as it likes, from its first byte.
	rateGrace = 30 * time.Second
	// silentGrace is how long it may take until that comes. Encoders open the upload of an
	// initialization section when they start, and send it with the first segment, which may be
	// half a minute long and more. Until then the upload takes nothing but its place.
	silentGrace = 2 * time.Minute
)

// admission bounds the uploads of an input that are under way. Its numbers are the
// config's, but what is under way survives a reload.
type admission struct {
	mu       sync.Mutex
	underWay counts[string] // by input
}

// enter reports whether the input may have another upload; leave is called after it.
func (a *admission) enter(input string, limit int) (leave func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.underWay.get(input) >= int64(limit) {
		return nil, false
	}
	a.underWay.add(input, 1)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.underWay.add(input, -1)
	}, true
}

// pacedReader is a body that has to keep a minimum rate, so that it does not hold its place
// forever. The rate is that of the whole body so far: one that was held up for a while, and
// then comes all at once, is fast enough. Only the time that is spent waiting for the sender
// counts: a slow disk is none of its faults.
type pacedReader struct {
	source  io.Reader
	control *http.ResponseController
	rate    int64 // bytes per second
	waited  time.Duration
	read    int64
	// blind: deadlines can't be set.
	blind bool
}

func newPacedReader(w http.ResponseWriter, source io.Reader, rate int64) *pacedReader {
	return &pacedReader{source: source, control: http.NewResponseController(w), rate: rate}
}

// Read implements io.Reader.
func (p *pacedReader) Read(b []byte) (int, error) {
	began := time.Now()
	deadline := began.Add(p.patience())
	if !p.blind {
		// It can only make the server's own timeout shorter, never longer.
		p.blind = p.control.SetReadDeadline(deadline) != nil
	}
	n, err := p.source.Read(b)
	now := time.Now()
	p.waited += now.Sub(began)
	late := false
	if n > 0 && p.read == 0 {
		late, p.waited = p.patience() < 0, 0
	}
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) && !now.Before(deadline) {
		return n, p.tooSlow()
	}
	if err == nil && (late || p.patience() < 0) {
		return n, p.tooSlow()
	}
	return n, err
}

// slowError says which limit a sender has not kept.
type slowError struct{ text string }

func (e *slowError) Error() string { return e.text }
func (e *slowError) Unwrap() error { return os.ErrDeadlineExceeded }

func (p *pacedReader) tooSlow() error {
	if p.read == 0 {
		return &slowError{fmt.Sprintf("nothing was sent within %v (min_upload_rate)", silentGrace)}
	}
	return &slowError{fmt.Sprintf("less than %d bytes per second (min_upload_rate)", p.rate)}
}

// done removes the deadline: the connection may have more to do.
func (p *pacedReader) done() {
	if !p.blind {
		_ = p.control.SetReadDeadline(time.Time{})
	}
}

// patience is how much longer the sender may take for the next byte.
func (p *pacedReader) patience() time.Duration {
	if p.read == 0 {
		return silentGrace - p.waited
	}
	earned := time.Duration(float64(p.read) / float64(p.rate) * float64(time.Second))
	return rateGrace + earned - p.waited
}

func (in *Input) setUploadDefaults() {
	in.MaxUploads = cmp.Or(in.MaxUploads, uploadsPerRendition*in.MaxRenditions)
	if in.MinUploadRate == nil {
		rate := int64(defaultUploadRate)
		in.MinUploadRate = &rate
	}
	in.MaxUnlistedSize = cmp.Or(in.MaxUnlistedSize, max(4*in.MaxSegmentSize, minUnlistedSize))
}

// boundUnlisted keeps what no playlist lists to a quarter of a small store.
func (u *channelUse) boundUnlisted(capacity int64) {
	if capacity <= 0 {
		return
	}
	for i := range u.config.Inputs {
		in := &u.config.Inputs[i]
		in.MaxUnlistedSize = min(in.MaxUnlistedSize, max(capacity/4, 1))
	}
}
