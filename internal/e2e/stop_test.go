package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// TestAStopFinishesUploads: when the origin is stopped, an upload that is under way
// has Caddy's grace period to end, and is answered; one that takes longer is cut,
// and does not keep the process, and the log names it.
func TestAStopFinishesUploads(t *testing.T) {
	t.Parallel()
	_, media := testmedia.Segments(t, "2")
	o := startOrigin(t, oneEndpoint, "grace_period 10s")
	slow, stuck := beginUpload(t, o, "slow.ts", media[0]), beginUpload(t, o, "stuck.ts", media[0])
	ended := make(chan struct{})
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = o.cmd.Wait()
		close(ended)
	}()
	refused := false
	for range 100 {
		conn, err := net.Dial("tcp", o.addr)
		if refused = err != nil; refused {
			break
		}
		conn.Close()
		time.Sleep(20 * time.Millisecond)
	}
	if !refused {
		t.Error("the origin that is stopping takes new connections")
	}
	if status := slow.finish(); status != http.StatusCreated {
		t.Errorf("an upload that ended within the grace period is answered with %d", status)
	}
	select {
	case <-ended:
		t.Error("the process has not waited for the grace period to end")
	default:
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("an upload that does not end keeps the process for ever")
	}
	if status := stuck.finish(); status != 0 {
		t.Errorf("an upload that was cut is answered with %d", status)
	}
	cut := o.log.find("upload cut off by shutdown")
	if len(cut) != 1 || cut[0]["path"] != "stuck.ts" || cut[0]["input"] != "a" || cut[0]["size"] != float64(len(media[0])) {
		t.Errorf("the log says of what was cut: %v", cut)
	}
}

// slowUpload is an upload of which half is sent.
type slowUpload struct {
	conn net.Conn
	rest []byte
}

func beginUpload(t *testing.T, o *origin, name string, body []byte) *slowUpload {
	t.Helper()
	conn, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	half := len(body) / 2
	_, err = fmt.Fprintf(conn, "PUT /in/sports/a/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", name, o.addr, len(body), body[:half])
	if err != nil {
		t.Fatal(err)
	}
	// That the server has read the request shows in nothing else: a request that
	// is sent behind it is answered.
	for range 3 {
		get(t, o.url("/fast/sports/index.m3u8"))
	}
	return &slowUpload{conn, body[half:]}
}

// finish sends the rest and returns the status of the answer, 0 if there is none.
func (u *slowUpload) finish() int {
	if _, err := u.conn.Write(u.rest); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(u.conn), nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
