package front

import (
	"net/http"
	"sync/atomic"
)

// Uplink takes the uploads of one encoder to the node that it prefers, and to the next one
// where that does not take them. It is an http.RoundTripper for URLs of any host.
type Uplink struct {
	front  *Front
	prefer int
	took   atomic.Int64 // the node that took the last upload, -1 for none
}

// Uplink returns the uplink of an encoder that prefers this node.
func (f *Front) Uplink(prefer int) *Uplink {
	u := &Uplink{front: f, prefer: prefer}
	u.took.Store(-1)
	return u
}

// Node is the node that took the last upload, -1 if none did.
func (u *Uplink) Node() int { return int(u.took.Load()) }

// RoundTrip sends an upload, whose body can be read again.
func (u *Uplink) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	answer, i, err := u.front.ask(r, u.prefer)
	if err != nil {
		u.took.Store(-1)
		return nil, err
	}
	u.took.Store(int64(i))
	answer.Request = r
	return answer, nil
}
