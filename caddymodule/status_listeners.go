package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

const (
	// maxStatusStreams is how many pages are kept up to date at the same time, by
	// one handler. Each costs a goroutine, and about 2 KB per second and channel.
	maxStatusStreams = 64
	// maxOfStatusAddress is how many of them one address may have.
	maxOfStatusAddress = 16
	// keptStatusStreams are reserved for those whom an authentication handler has let in: a
	// stranger must not lock the operator out.
	keptStatusStreams = 16
)

var (
	errTooManyPages   = errors.New("too many status pages are open")
	errTooManyOfPages = errors.New("too many status pages are open at this address; behind a proxy, see trusted_proxies")
)

// listeners are the pages that are kept up to date.
type listeners struct {
	mu               sync.Mutex
	known, strangers int
	byAddr           counts[netip.Addr]
}

// enter adds a page; leave is called when it is gone.
func (l *listeners) enter(r *http.Request) (leave func(), err error) {
	from, known := clientAddr(r), authenticated(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.known+l.strangers >= maxStatusStreams, !known && l.strangers >= maxStatusStreams-keptStatusStreams:
		return nil, errTooManyPages
	case l.byAddr.get(from) >= maxOfStatusAddress && !known:
		return nil, errTooManyOfPages
	}
	count := &l.strangers
	if known {
		count = &l.known
	}
	*count++
	l.byAddr.add(from, 1)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		*count--
		l.byAddr.add(from, -1)
	}, nil
}

// authenticated reports whether a handler before this one has authenticated a user.
func authenticated(r *http.Request) bool {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	user, _ := repl.GetString("http.auth.user.id")
	return user != ""
}
