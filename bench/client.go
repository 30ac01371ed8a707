package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// client is one HTTP/1.1 connection. It writes a request with one system call
// and does little else, so that the server gets the machine.
type client struct {
	addr string
	// patience is how long a request may take, without limit if it is 0.
	patience time.Duration
	// pause, if it is not 0, is made after every 2 KiB that are read of a body.
	pause time.Duration
	conn  net.Conn
	r     *bufio.Reader
	head  []byte
}

func (c *client) open() error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	c.conn = conn
	if c.r == nil {
		c.r = bufio.NewReaderSize(nil, 16<<10)
	}
	c.r.Reset(conn)
	return nil
}

// limit makes a request end in time.
func (c *client) limit() {
	if c.patience > 0 {
		_ = c.conn.SetDeadline(time.Now().Add(c.patience))
	}
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// put uploads an object and waits for the answer.
func (c *client) put(path string, body []byte) error {
	if _, err := c.send(path, body, 0); err != nil {
		return err
	}
	return c.accepted(path)
}

// heldFor is how long the last bytes are held back. Over loopback a segment is in the
// server's socket at once; over a network the server has read most of it long before the
// last bytes arrive.
const heldFor = 8 * time.Millisecond

// send uploads an object. Its last bytes, if any are to be held back, go later and alone;
// it returns the time just before them.
func (c *client) send(path string, body []byte, held int) (last time.Time, err error) {
	if err := c.open(); err != nil {
		return last, err
	}
	c.limit()
	c.head = append(c.head[:0], "PUT "...)
	c.head = append(c.head, path...)
	c.head = append(c.head, " HTTP/1.1\r\nHost: "...)
	c.head = append(c.head, c.addr...)
	c.head = append(c.head, "\r\nContent-Length: "...)
	c.head = strconv.AppendInt(c.head, int64(len(body)), 10)
	c.head = append(c.head, "\r\n\r\n"...)
	request := net.Buffers{c.head, body[:len(body)-held]}
	if _, err := request.WriteTo(c.conn); err != nil {
		return last, fmt.Errorf("PUT %s: %w", path, err)
	}
	if held == 0 {
		return time.Now(), nil
	}
	time.Sleep(heldFor)
	last = time.Now()
	_, err = c.conn.Write(body[len(body)-held:])
	return last, err
}

// accepted reads the answer to an upload.
func (c *client) accepted(path string) error {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("PUT %s: %w", path, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("PUT %s: %w", path, err)
	}
	if resp.Close {
		c.close()
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNoContent {
		return &refusal{path: path, status: resp.StatusCode, text: string(text)}
	}
	return nil
}

// refusal is an upload's answer that says no.
type refusal struct {
	path   string
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("PUT %s: %d %s", r.path, r.status, r.text) }

// get fetches a path, nil unless it answers 200.
func (c *client) get(path string) ([]byte, error) {
	status, body, err := c.fetch(path)
	if err != nil || status != http.StatusOK {
		return nil, err
	}
	return body, nil
}

// fetch returns status and body of an answer.
func (c *client) fetch(path string) (int, []byte, error) {
	resp, err := c.request(http.MethodGet, path)
	if err != nil {
		return 0, nil, err
	}
	var from io.Reader = resp.Body
	if c.pause > 0 {
		from = &slowReader{from, c.pause}
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return 0, nil, fmt.Errorf("GET %s: %w", path, err)
	}
	if resp.Close {
		c.close()
	}
	return resp.StatusCode, body, nil
}

// slowReader reads little at a time, and not often.
type slowReader struct {
	io.Reader
	pause time.Duration
}

func (r *slowReader) Read(b []byte) (int, error) {
	time.Sleep(r.pause)
	return r.Reader.Read(b[:min(len(b), 2<<10)])
}

// size asks how long an object is, -1 if there is none.
func (c *client) size(path string) (int64, error) {
	resp, err := c.request(http.MethodHead, path)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return -1, nil
	}
	return resp.ContentLength, nil
}

func (c *client) request(method, path string) (*http.Response, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	c.limit()
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, c.addr); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp, nil
}
