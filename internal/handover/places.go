// Package handover passes connections on from a server that shuts down to the one that took over
// its address.
//
// net/http.Server.Shutdown closes a connection whose first request it has read, but not begun to
// handle, without an answer. If a server of the same process listens on the same address by then,
// as after a reload of a config, nobody needs to notice: what was read is read again there.
package handover

import (
	"fmt"
	"net"
	"slices"
	"sync"
)

// Places are the addresses that servers of this process listen on. The zero value is ready.
type Places struct {
	mu        sync.Mutex
	listeners map[string][]*listener // oldest first
}

// Wrap returns a listener for one server. As soon as another one listens on the same address,
// what the first server drops goes there. The listeners below have to be of the same type: a
// connection whose TLS has been ended is not taken for one without, nor the other way round.
func (p *Places) Wrap(inner net.Listener) net.Listener {
	addr := inner.Addr()
	return &listener{
		Listener: inner,
		places:   p,
		key:      fmt.Sprintf("%T %s %s", inner, addr.Network(), addr),
		accepted: make(chan accepted),
		given:    make(chan net.Conn),
		closed:   make(chan struct{}),
	}
}

func (p *Places) open(l *listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners == nil {
		p.listeners = map[string][]*listener{}
	}
	p.listeners[l.key] = append(p.listeners[l.key], l)
}

func (p *Places) close(l *listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := slices.DeleteFunc(p.listeners[l.key], func(other *listener) bool { return other == l })
	if len(rest) == 0 {
		delete(p.listeners, l.key)
		return
	}
	p.listeners[l.key] = rest
}

// successor is the newest listener where l listens. It is nil if there is none, or if it is l
// itself, whose server does not hand over then.
func (p *Places) successor(l *listener) *listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.listeners[l.key]
	if len(all) == 0 || all[len(all)-1] == l {
		return nil
	}
	return all[len(all)-1]
}

// pass gives a connection of l, and what has been read from it, to l's successor. It reports
// false if there is none.
func (p *Places) pass(l *listener, c net.Conn, read []byte) bool {
	for {
		to := p.successor(l)
		if to == nil {
			return false
		}
		select {
		case to.given <- to.own(c, read):
			return true
		case <-to.closed:
		}
	}
}
