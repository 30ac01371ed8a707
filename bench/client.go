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
	conn net.Conn
	r    *bufio.Reader
	head []byte
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
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("PUT %s: %s %s", path, resp.Status, text)
	}
	if resp.Close {
		c.close()
	}
	return nil
}

// get fetches a path, nil unless it answers 200.
func (c *client) get(path string) ([]byte, error) {
	resp, err := c.request(http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil
	}
	return body, nil
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
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, c.addr); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp, nil
}
