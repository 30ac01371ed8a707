package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// hashPassword makes a hash as the README says, but for its cost: the race detector makes
// the usual one take ten seconds.
func hashPassword(t *testing.T, password string) string {
	t.Helper()
	out, err := exec.Command(caddyBinary, "hash-password", "--bcrypt-cost", "10", "--plaintext", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestAnEncoderWithCredentialsUploadsEverything: ffmpeg sends each request
// without credentials first, and again with them after a 401.
func TestAnEncoderWithCredentialsUploadsEverything(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, fmt.Sprintf(`
		channel sports {
			input a /in/sports/a {
				basic_auth encoder-a %s
			}
			input b /in/sports/b {
				bearer secret-token
			}
			endpoint fast /fast/sports {
				segment_duration 2s
			}
		}`, hashPassword(t, "secret")))
	withPassword := strings.Replace(o.url("/in/sports/a"), "http://", "http://encoder-a:secret@", 1)
	startIndependent(t, withPassword, 50)
	fast := watch(t, o, "/fast/sports")
	fast.wait(6)
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity > 0 {
			t.Errorf("%s: uploads are missing: %d discontinuities", uri, f.discontinuity)
		}
	}
}

// TestWrongCredentialsAreRefusedBeforeTheBody: the answer comes although not one
// byte of the body was sent, and nobody asked for it.
func TestWrongCredentialsAreRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, fmt.Sprintf(`
		channel sports {
			input a /in/sports/a {
				basic_auth encoder-a %s
			}
			input b /in/sports/b {
				allow 192.0.2.0/24
			}
			endpoint fast /fast/sports
		}`, hashPassword(t, "secret")))
	for _, test := range []struct {
		path, authorization string
		want                int
	}{
		{"/in/sports/a/seg.ts", "", http.StatusUnauthorized},
		{"/in/sports/a/seg.ts", "Basic ZW5jb2Rlci1hOndyb25n", http.StatusUnauthorized},
		{"/in/sports/b/seg.ts", "", http.StatusForbidden},
	} {
		conn, err := net.Dial("tcp", o.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n", test.path, o.addr)
		if test.authorization != "" {
			fmt.Fprintf(conn, "Authorization: %s\r\n", test.authorization)
		}
		fmt.Fprint(conn, "\r\n")
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != test.want {
			t.Errorf("%s with %q: %s, want %d", test.path, test.authorization, resp.Status, test.want)
		}
		if test.want == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", test.path)
		}
	}
}
