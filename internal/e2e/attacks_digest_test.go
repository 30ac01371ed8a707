package e2e

import (
	"context"
	"crypto/md5" //nolint:gosec // what encoders speak
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// Digest authentication goes over the wire in the clear, so whoever sees it can send it
// again.

const signedPath = "/in/sports/signed/live.m3u8"

// captured is what the strangers have seen last.
var captured atomic.Pointer[string]

// replayedDigest: the first one is the encoder, which must not be disturbed; the others send
// again what it has sent.
func replayedDigest(ctx context.Context, f *force, i int) {
	if i == 0 {
		f.signingEncoder(ctx)
		return
	}
	again(ctx, func(int) {
		header := captured.Load()
		if header == nil {
			wait(ctx, 50*time.Millisecond)
			return
		}
		status := f.send(ctx, http.MethodPut, signedPath, strings.NewReader(quietList), func(r *http.Request) {
			r.Header.Set("Authorization", *header)
		})
		if status/100 == 2 {
			f.harm.Add(1)
		}
	})
}

// signingEncoder uploads every now and then with the password, and is always let in.
func (f *force) signingEncoder(ctx context.Context) {
	challenge := ""
	again(ctx, func(n int) {
		header := ""
		if n > 0 {
			header = digestAnswer(challenge, "encoder", "secret", n)
		}
		status, offer := f.signed(ctx, header)
		switch {
		case n == 0:
			challenge = offer
		case status/100 == 2:
			captured.Store(&header)
		case ctx.Err() == nil:
			f.harm.Add(1)
		}
		wait(ctx, 100*time.Millisecond)
	})
}

// signed sends one upload, and returns the challenge for MD5 if there is one.
func (f *force) signed(ctx context.Context, header string) (status int, challenge string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, f.base+signedPath, strings.NewReader(quietList))
	if err != nil {
		return 0, ""
	}
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	resp.Body.Close()
	for _, offer := range resp.Header.Values("Www-Authenticate") {
		if strings.Contains(offer, "algorithm=MD5") {
			challenge = offer
		}
	}
	return resp.StatusCode, challenge
}

var digestParameter = regexp.MustCompile(`(realm|nonce)="([^"]*)"`)

// digestAnswer is what a client with the password answers (RFC 7616, 3.4).
func digestAnswer(challenge, user, password string, count int) string {
	of := map[string]string{}
	for _, p := range digestParameter.FindAllStringSubmatch(challenge, -1) {
		of[p[1]] = p[2]
	}
	sum := func(parts ...string) string {
		s := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // see above
		return hex.EncodeToString(s[:])
	}
	nc := fmt.Sprintf("%08x", count)
	response := sum(sum(user, of["realm"], password), of["nonce"], nc, "c", "auth", sum(http.MethodPut, signedPath))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", cnonce="c", nc=%s, qop=auth, algorithm=MD5, response="%s"`,
		user, of["realm"], of["nonce"], signedPath, nc, response)
}
