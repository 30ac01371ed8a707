package handover

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxRead is how much of a first request is remembered, in bytes: a server that has read more is
// left alone with it. Servers drop requests when they have read the header and what came in one
// packet with it.
const maxRead = 16 << 10

// conn is a connection in the hands of one server.
type conn struct {
	net.Conn
	l *listener

	// kept: it stays with this server, and there is nothing to remember or to give back.
	kept atomic.Bool

	mu      sync.Mutex
	back    []byte // what another server has read, and this one not yet
	read    []byte // what this one has read, as long as it has not answered
	reading bool
	settled bool // it stays with this server
	passed  bool // another server has it
}

// plainConn can be written to without copying, which net/http does for files.
type plainConn struct{ *conn }

// tlsConn tells of its handshake.
type tlsConn struct{ *conn }

// own makes a connection this listener's.
func (l *listener) own(inner net.Conn, read []byte) net.Conn {
	c := &conn{Conn: inner, l: l, back: read}
	if _, ok := inner.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return tlsConn{c}
	}
	return plainConn{c}
}

func (c *conn) Read(p []byte) (int, error) {
	if c.kept.Load() {
		return c.Conn.Read(p)
	}
	n, err, ok := c.readBack(p)
	if ok {
		return n, err
	}
	n, err = c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	if err != nil {
		c.settle() // the client has gone, or was too slow
		return n, err
	}
	c.remember(p[:n])
	return n, nil
}

// readBack reads what another server has read before; ok is false if there is nothing.
func (c *conn) readBack(p []byte) (n int, err error, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return 0, net.ErrClosed, true
	}
	if len(c.back) == 0 {
		c.reading = true
		return 0, nil, false
	}
	n = copy(p, c.back)
	c.remember(c.back[:n])
	c.back = c.back[n:]
	if c.settled && len(c.back) == 0 {
		c.kept.Store(true)
	}
	return n, nil, true
}

func (c *conn) remember(b []byte) {
	if c.settled || c.passed {
		return
	}
	if len(c.read)+len(b) > maxRead {
		c.settle()
		return
	}
	c.read = append(c.read, b...)
}

func (c *conn) settle() {
	c.settled, c.read = true, nil
	if len(c.back) == 0 {
		c.kept.Store(true)
	}
}

// answer is called before anything is written: this server handles the request.
func (c *conn) answer() error {
	if c.kept.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return net.ErrClosed
	}
	c.settle()
	return nil
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.answer(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// ReadFrom lets the connection below write from a file.
func (c plainConn) ReadFrom(r io.Reader) (int64, error) {
	if err := c.answer(); err != nil {
		return 0, err
	}
	return io.Copy(c.Conn, r)
}

// CloseWrite tells the client that nothing more comes.
func (c *conn) CloseWrite() error {
	if err := c.answer(); err != nil {
		return err
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// ConnectionState is that of the TLS below, as far as its handshake has got.
func (c tlsConn) ConnectionState() tls.ConnectionState {
	return c.Conn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
}

// Close closes the connection, or gives it to another server, if that one has taken over and
// this one has read a request that it does not answer.
func (c *conn) Close() error {
	read, ok := c.release()
	if !ok {
		return nil
	}
	if len(read) > 0 && c.Conn.SetDeadline(time.Time{}) == nil && c.l.places.pass(c.l, c.Conn, read) {
		return nil
	}
	return c.Conn.Close()
}

// release takes the connection away from its server. What has been read of a request that is
// not going to be answered is for another server; ok is false if there is nothing to close.
func (c *conn) release() (read []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return nil, false
	}
	// Whoever reads while the connection is closed has to learn of it.
	if c.settled || c.reading {
		return nil, true
	}
	c.passed = true
	return append(c.read, c.back...), true
}

func (c *conn) SetDeadline(t time.Time) error {
	return c.deadline(t, c.Conn.SetDeadline)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	return c.deadline(t, c.Conn.SetReadDeadline)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.deadline(t, c.Conn.SetWriteDeadline)
}

// deadline sets one, unless the connection is another server's.
func (c *conn) deadline(t time.Time, set func(time.Time) error) error {
	if c.kept.Load() {
		return set(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return net.ErrClosed
	}
	return set(t)
}
