package handover

import (
	"net"
	"sync"
)

// listener is where one server gets its connections from.
type listener struct {
	net.Listener
	places *Places
	key    string

	opened   sync.Once
	accepted chan accepted // what comes in
	given    chan net.Conn // what other servers have dropped

	ended    sync.Once
	closed   chan struct{}
	closeErr error
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept returns the next connection, a client's or one that another server has dropped.
func (l *listener) Accept() (net.Conn, error) {
	// Not before: whoever wraps a listener and then fails does not close it.
	l.opened.Do(func() {
		l.places.open(l)
		go l.accept()
	})
	select {
	case a := <-l.accepted:
		if a.err != nil {
			return nil, a.err
		}
		return l.own(a.conn, nil), nil
	case c := <-l.given:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) accept() {
	for {
		c, err := l.Listener.Accept()
		select {
		case l.accepted <- accepted{c, err}:
		case <-l.closed:
			if err == nil && !l.places.pass(l, c, nil) {
				_ = c.Close()
			}
			return
		}
	}
}

// Close ends the listener. Connections that its server does not answer go to another one.
func (l *listener) Close() error {
	l.ended.Do(func() {
		l.opened.Do(func() {}) // from now on there is no goroutine to start
		l.places.close(l)
		close(l.closed)
		l.closeErr = l.Listener.Close()
	})
	return l.closeErr
}
