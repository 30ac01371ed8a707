package caddymodule

import (
	"crypto/md5" //nolint:gosec // part of the protocol
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

var nonceIn = regexp.MustCompile(`nonce="([^"]+)"`)

// answerTo makes the header that a client with the password sends.
func answerTo(challenge, algorithm, user, password, method, uri string, count int) string {
	newHash := map[string]func() hash.Hash{"MD5": md5.New, "SHA-256": sha256.New}[algorithm]
	nonce := nonceIn.FindStringSubmatch(challenge)[1]
	nc := fmt.Sprintf("%08x", count)
	response := sumOf(newHash, sumOf(newHash, user, realm, password), nonce, nc, "c,\"n", "auth", sumOf(newHash, method, uri))
	return fmt.Sprintf(`Digest username="%s",realm="%s", nonce="%s", uri="%s",cnonce="c,\"n", nc=%s, qop=auth, algorithm=%s,response="%s"`,
		user, realm, nonce, uri, nc, algorithm, response)
}

func TestDigest(t *testing.T) {
	t.Setenv("DIGEST_PASSWORD", "sec:ret")
	o := newOrigin(t, withInput("digest encoder {env.DIGEST_PASSWORD}\ndigest other pass"))
	const put = "/in/a/live.m3u8"
	w := o.do("PUT", put, unread{t})
	want(t, w, 401, "credentials")
	offers := w.Header().Values("Www-Authenticate")
	if len(offers) != 2 || !strings.Contains(offers[0], "algorithm=SHA-256,") || !strings.Contains(offers[1], "algorithm=MD5,") {
		t.Fatal(offers)
	}
	count := 0
	for i, algorithm := range []string{"SHA-256", "MD5"} {
		for range 3 {
			count++
			w := o.do("PUT", put, strings.NewReader(shortList), "Authorization", answerTo(offers[i], algorithm, "encoder", "sec:ret", "PUT", put, count))
			if w.Code/100 != 2 {
				t.Fatalf("%s: %d %s", algorithm, w.Code, w.Body)
			}
		}
	}
	// Connections overtake each other.
	for _, n := range []int{20, 12, 300, 200} {
		w := o.do("PUT", put, strings.NewReader(shortList), "Authorization", answerTo(offers[0], "SHA-256", "other", "pass", "PUT", put, n))
		want(t, w, 204, "")
	}
	// What was used once, or may have been, is stale; the client tries again by itself.
	for _, n := range []int{20, 300, 44, 0} {
		w := o.do("PUT", put, unread{t}, "Authorization", answerTo(offers[0], "SHA-256", "encoder", "sec:ret", "PUT", put, n))
		want(t, w, 401, "stale")
		if !strings.Contains(w.Header().Get("Www-Authenticate"), "stale=true") {
			t.Error(n, w.Header())
		}
	}
	for name, header := range map[string]string{
		"password":  answerTo(offers[0], "SHA-256", "encoder", "secret", "PUT", put, 301),
		"user":      answerTo(offers[0], "SHA-256", "nobody", "sec:ret", "PUT", put, 302),
		"method":    answerTo(offers[0], "SHA-256", "encoder", "sec:ret", "GET", put, 303),
		"uri":       answerTo(offers[0], "SHA-256", "encoder", "sec:ret", "PUT", "/in/a/other.m3u8", 304),
		"qop":       strings.Replace(answerTo(offers[0], "SHA-256", "encoder", "sec:ret", "PUT", put, 305), "qop=auth", "qop=auth-int", 1),
		"algorithm": strings.Replace(answerTo(offers[0], "MD5", "encoder", "sec:ret", "PUT", put, 306), "=MD5", "=MD5-sess", 1),
		"nothing":   "Digest", "open quote": `Digest username="`, "backslash": `Digest username="\`,
		"basic": basic("encoder", "sec:ret"),
	} {
		w := o.do("PUT", put, unread{t}, "Authorization", header)
		if w.Code != 401 || strings.Contains(w.Header().Get("Www-Authenticate"), "stale") {
			t.Errorf("wrong %s: %d %v", name, w.Code, w.Header())
		}
	}
	// A nonce of another life of the process.
	other := newNonceBook()
	foreign := fmt.Sprintf(`nonce="%s"`, other.issue())
	want(t, o.do("PUT", put, unread{t}, "Authorization", answerTo(foreign, "MD5", "encoder", "sec:ret", "PUT", put, 1)), 401, "stale")
}

// A nonce ends when nobody uses it, not while an encoder is at work.
func TestNonceAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newNonceBook()
		used, unused := b.issue(), b.issue()
		for n := range uint32(200) {
			if !b.spend(used, n+1) {
				t.Fatal(n)
			}
			time.Sleep(nonceIdle / 2)
		}
		if b.spend(unused, 1) {
			t.Error("an old nonce is good")
		}
		time.Sleep(nonceIdle)
		if b.spend(used, 201) {
			t.Error("a nonce that nobody used is good")
		}
		// Used up ones don't pile up, and none of them is good once more.
		first := b.issue()
		b.spend(first, 1)
		for range 3 * maxNonces {
			if n := b.issue(); !b.spend(n, 1) || b.spend(n, 1) {
				t.Fatal("a nonce")
			}
			time.Sleep(time.Millisecond)
		}
		if len(b.inUse) > maxNonces {
			t.Errorf("%d nonces", len(b.inUse))
		}
		if b.spend(first, 1) {
			t.Error("a nonce was good twice")
		}
	})
}

// digestServer is an origin with a socket; input a asks for digest authentication.
func digestServer(t *testing.T) (*origin, string) {
	o := newOrigin(t, withInput("digest encoder secret"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The error is what was answered.
		_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
	}))
	t.Cleanup(server.Close)
	return o, server.URL
}

func TestDigestWithCurl(t *testing.T) {
	needs.Programs(t, "curl")
	_, url := digestServer(t)
	dir := t.TempDir()
	for _, name := range []string{"1.m3u8", "2.m3u8", "3.m3u8"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(shortList), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// One connection, one nonce.
	out, err := exec.Command("curl", "-sS", "--digest", "-u", "encoder:secret", "-w", "%{http_code} ",
		"-T", filepath.Join(dir, "{1,2,3}.m3u8"), url+"/in/a/").CombinedOutput()
	if err != nil || string(out) != "201 201 201 " {
		t.Errorf("%v: %s", err, out)
	}
	out, err = exec.Command("curl", "-sS", "--digest", "-u", "encoder:wrong", "-w", "%{http_code}", "-o", "/dev/null",
		"-T", filepath.Join(dir, "1.m3u8"), url+"/in/a/").CombinedOutput()
	if err != nil || string(out) != "401" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestDigestWithFFmpeg(t *testing.T) {
	needs.Programs(t, "ffmpeg")
	for _, persistent := range []string{"0", "1"} {
		o, url := digestServer(t)
		target := strings.Replace(url, "http://", "http://encoder:secret@", 1) + "/in/a/live.m3u8"
		testmedia.Run(t, t.TempDir(), "-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=8", "-c:v", "libx264", "-preset", "ultrafast",
			"-g", "50", "-f", "hls", "-hls_time", "2", "-method", "PUT", "-http_persistent", persistent, target)
		for _, name := range []string{"live.m3u8", "live0.ts", "live1.ts", "live2.ts", "live3.ts"} {
			f, err := o.handler.routes["/in/a"].use.shared.channel.Get(t.Context(), "a", name)
			if err != nil {
				t.Errorf("persistent %s: %s: %v", persistent, name, err)
				continue
			}
			f.Content.Close()
		}
	}
}
