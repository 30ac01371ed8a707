package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHostileUploadsHurtNobody: whatever is sent to one input is answered with a
// clear 4xx, and viewers of a channel that is on the other one notice nothing.
func TestHostileUploadsHurtNobody(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, oneEndpoint)
	startIndependent(t, o.url("/in/sports/b"), 50)
	fast := watch(t, o, "/fast/sports")
	fast.wait(2)

	head := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	repeat := func(s string, n int) io.Reader { return strings.NewReader(head + strings.Repeat(s, n)) }
	for _, attack := range []struct {
		name, path string
		body       io.Reader
		encoding   string
		want       int
	}{
		{"a playlist of 50 MB", "live.m3u8", repeat("#EXT-X-X:0123456789\n", 50<<20/20), "", 413},
		{"an error page", "live.m3u8", strings.NewReader("<html><body>502 Bad Gateway</body></html>"), "", 400},
		{"NUL bytes", "live.m3u8", repeat("#EXTINF:2,\na\x00.ts\n", 1), "", 400},
		{"segments of another input", "live.m3u8", repeat("#EXTINF:2,\n../b/seg0.ts\n", 1), "", 400},
		{"segments above the root", "live.m3u8", repeat("#EXTINF:2,\n../../../../../../etc/passwd\n", 1), "", 400},
		{"a path above the input", "x/%2e%2e/%2e%2e/y.ts", strings.NewReader("x"), "", 400},
		{"an encoded slash", "x%2f..%2fy.ts", strings.NewReader("x"), "", 400},
		{"a backslash", "x%5c..%5cy.ts", strings.NewReader("x"), "", 400},
		{"a NUL in the path", "x%00.ts", strings.NewReader("x"), "", 400},
		{"noise as a segment", "seg1.ts", strings.NewReader(strings.Repeat("noise", 1000)), "", 415},
		{"zeros as a segment", "seg1.ts", bytes.NewReader(make([]byte, 1<<20)), "", 415},
		{"half a packet", "seg1.ts", strings.NewReader("G" + strings.Repeat("\xff", 99)), "", 0},
		{"a moof that claims gigabytes", "seg1.m4s", strings.NewReader("\xff\xff\xff\xffmoof" + strings.Repeat("x", 100)), "", 0},
		{"a segment over the limit", "seg1.ts", io.LimitReader(endless{}, 70<<20), "", 413},
		{"a gzip bomb", "live.m3u8", bomb(t), "gzip", 413},
		{"another encoding", "live.m3u8", repeat("#EXTINF:2,\na.ts\n", 1), "br", 415},
	} {
		req, err := http.NewRequest(http.MethodPut, o.url("/in/sports/a/"+attack.path), attack.body)
		if err != nil {
			t.Fatal(err)
		}
		if attack.encoding != "" {
			req.Header.Set("Content-Encoding", attack.encoding)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			// A server that has seen enough may close while more is being sent.
			if !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "connection reset") {
				t.Errorf("%s: %v", attack.name, err)
			}
			continue
		}
		reason, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if attack.want != 0 && resp.StatusCode != attack.want || resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s: %s, want %d: %s", attack.name, resp.Status, attack.want, reason)
		}
		if len(bytes.TrimSpace(reason)) == 0 {
			t.Errorf("%s: %s without a reason", attack.name, resp.Status)
		}
	}
	claimGigabytes(t, o)
	stop := trickle(t, o)
	fast.wait(4)
	stop()
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity > 0 {
			t.Errorf("%s: viewers saw %d discontinuities", uri, f.discontinuity)
		}
	}
	if n := len(o.log.find("active input switched")); n > 0 {
		t.Errorf("the endpoint switched %d times", n)
	}
}

// endless is a body of transport stream packets that never ends by itself.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0x47
	}
	return len(b), nil
}

// bomb is a small body that decodes to 100 MB.
func bomb(t *testing.T) io.Reader {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, "#EXTM3U\n")
	line := bytes.Repeat([]byte("#"), 1<<20)
	for range 100 {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &packed
}

// claimGigabytes announces a large body and sends little of it.
func claimGigabytes(t *testing.T, o *origin) {
	t.Helper()
	for _, length := range []string{"9223372036854775807", "4294967296", "60000000"} {
		conn, err := net.Dial("tcp", o.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PUT /in/sports/a/big.ts HTTP/1.1\r\nHost: %s\r\nContent-Length: %s\r\n\r\nG", o.addr, length)
		conn.Close()
	}
}

// trickle sends bodies byte by byte until it is stopped.
func trickle(t *testing.T, o *origin) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	for i := range 20 {
		conn, err := net.Dial("tcp", o.addr)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer conn.Close()
			fmt.Fprintf(conn, "PUT /in/sports/a/slow%d.ts HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n", i, o.addr)
			for {
				select {
				case <-done:
					return
				case <-time.After(50 * time.Millisecond):
					if _, err := fmt.Fprint(conn, "1\r\nG\r\n"); err != nil {
						return
					}
				}
			}
		}()
	}
	return func() { close(done) }
}
