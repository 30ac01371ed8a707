package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// startSecureOrigin runs Caddy with a certificate, for HTTP/2 and HTTP/3.
func startSecureOrigin(t *testing.T, block string) *origin {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for kind, bytes := range map[string][]byte{"CERTIFICATE": certificate, "PRIVATE KEY": secret} {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})
		if err := os.WriteFile(filepath.Join(dir, strings.ToLower(kind[:4])+".pem"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := &origin{tls: fmt.Sprintf("tls %s %s", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "priv.pem"))}
	o.prepare(t, "DEBUG")
	o.start(block)
	return o
}

// protocols are clients of one protocol each, with connections of their own.
func protocols(t *testing.T) map[int]*http.Client {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a certificate of this test
	h1 := &http.Transport{TLSClientConfig: config.Clone(), TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	h2 := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}
	h3 := &http3.Transport{TLSClientConfig: config.Clone()}
	t.Cleanup(func() {
		h1.CloseIdleConnections()
		h2.CloseIdleConnections()
		h3.Close()
	})
	return map[int]*http.Client{1: {Transport: h1}, 2: {Transport: h2}, 3: {Transport: h3}}
}

// TestRefusalsComeBeforeTheBody: over every protocol, who is refused is told so although
// not one byte of the body has been sent, and the connection goes on.
func TestRefusalsComeBeforeTheBody(t *testing.T) {
	t.Parallel()
	o := startSecureOrigin(t, `
		channel sports {
			input a /in/sports/a {
				bearer token
			}
			input b /in/sports/b {
				max_segment_size 1MiB
				max_playlist_size 1MiB
			}
			input c /in/sports/c {
				max_uploads 1
			}
			input d /in/sports/d {
				allow 192.0.2.0/24
			}
			endpoint fast /fast/sports
		}`)
	for major, client := range protocols(t) {
		t.Run(fmt.Sprintf("HTTP %d", major), func(t *testing.T) {
			// The one upload that input c may have.
			open, sender := io.Pipe()
			held := make(chan struct{})
			go func() {
				defer close(held)
				req, _ := http.NewRequest(http.MethodPut, o.url(fmt.Sprintf("/in/sports/c/open%d.ts", major)), open)
				if resp, err := client.Do(req); err == nil {
					resp.Body.Close()
				}
			}()
			if _, err := sender.Write([]byte("G")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // until it has begun
			for _, refusal := range []struct {
				path, token string
				length      int64
				want        int
			}{
				{"/in/sports/a/seg.ts", "", -1, http.StatusUnauthorized},
				{"/in/sports/a/seg.ts", "wrong", 1 << 20, http.StatusUnauthorized},
				{"/in/sports/b/seg.ts", "", 2 << 20, http.StatusRequestEntityTooLarge},
				{"/in/sports/c/seg.ts", "", 1 << 20, http.StatusTooManyRequests},
				{"/in/sports/d/seg.ts", "", 1 << 20, http.StatusForbidden},
				{"/in/sprots/a/seg.ts", "", 1 << 20, http.StatusNotFound},
			} {
				status, reason := refused(t, client, o.url(refusal.path), refusal.token, refusal.length)
				if status != refusal.want || len(strings.TrimSpace(reason)) == 0 {
					t.Errorf("%s: %d %q, want %d", refusal.path, status, reason, refusal.want)
				}
			}
			resp, err := client.Get(o.url("/fast/sports/index.m3u8"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.ProtoMajor != major || resp.StatusCode != http.StatusNotFound {
				t.Errorf("afterwards: %s %s", resp.Proto, resp.Status)
			}
			sender.CloseWithError(io.ErrUnexpectedEOF)
			<-held
		})
	}
}

// refused sends the head of an upload and waits for the answer.
func refused(t *testing.T, client *http.Client, url, token string, length int64) (int, string) {
	t.Helper()
	body, sender := io.Pipe()
	defer sender.CloseWithError(io.ErrUnexpectedEOF)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return 0, ""
	}
	defer resp.Body.Close()
	reason, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return resp.StatusCode, string(reason)
}

// TestViewersWhoDoNotReadFillNoStore: over every protocol, a viewer who holds on to what
// is deleted is cut off before an upload of anybody is refused.
func TestViewersWhoDoNotReadFillNoStore(t *testing.T) {
	t.Parallel()
	const size = 8 << 20 // more than any client takes without reading it
	o := startSecureOrigin(t, `
		store memory {
			capacity 100MiB
		}
		channel sports {
			input a /in/sports/a
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 6s
			}
		}`)
	_, media := testmedia.Segments(t, "34")
	clients := protocols(t)
	var names []string
	var mu sync.Mutex
	cut := map[int]int{}
	var readers sync.WaitGroup
	released := make(chan struct{})
	for n, segment := range media {
		names = append(names, fmt.Sprintf("seg%d.ts", n))
		list := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", max(0, n-3))
		for _, name := range names[max(0, n-3):] {
			list += "#EXTINF:1.92,\n" + name + "\n"
		}
		for path, body := range map[string][]byte{names[n]: padded(segment, size), "live.m3u8": []byte(list)} {
			req, err := http.NewRequest(http.MethodPut, o.url("/in/sports/a/"+path), bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := clients[1].Do(req)
			if err != nil {
				t.Fatal(err)
			}
			reason, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode/100 != 2 {
				t.Errorf("%s: %s: %s", path, resp.Status, reason)
			}
		}
		if oldest := oldestSegment(t, clients[1], o); oldest != "" {
			for major, client := range clients {
				readers.Go(func() {
					if stalls(t, client, oldest, major, released) {
						mu.Lock()
						cut[major]++
						mu.Unlock()
					}
				})
			}
		}
		time.Sleep(segmentTime)
	}
	close(released)
	readers.Wait()
	for major := range clients {
		if cut[major] == 0 {
			t.Errorf("over HTTP/%d, nobody was cut off", major)
		}
	}
	t.Logf("cut off by protocol: %v", cut)
	counted := 0.0
	for name, n := range o.counters() {
		if strings.HasPrefix(name, "caddy_live_origin_downloads_cut_total{") {
			counted += n
		}
	}
	if counted == 0 {
		t.Error("none of them is counted")
	}
}

// oldestSegment is the URL of the first one that is listed: the one that is deleted first.
func oldestSegment(t *testing.T, client *http.Client, o *origin) string {
	t.Helper()
	playlist := "index.m3u8"
	for range 2 {
		resp, err := client.Get(o.url("/fast/sports/" + playlist))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return ""
		}
		for line := range strings.Lines(string(text)) {
			if line[0] != '#' {
				playlist = strings.TrimSpace(line)
				break
			}
		}
	}
	return o.url("/fast/sports/" + playlist)
}

// stalls asks for a segment and does not read it until it is released. It reports whether
// it then could not be read to its end.
func stalls(t *testing.T, client *http.Client, url string, major int, released <-chan struct{}) bool {
	resp, err := client.Get(url)
	if err != nil {
		return true // the head of the answer was not read either
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != major {
		t.Errorf("%s: %s %s", url, resp.Proto, resp.Status)
	}
	<-released
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != resp.ContentLength {
		t.Errorf("over HTTP/%d, %d bytes of %d look like all of them", major, n, resp.ContentLength)
	}
	return err != nil
}
