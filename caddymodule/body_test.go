package caddymodule

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

// Over HTTP/3, the server sees the clean end of a body that is shorter than announced.
func TestShorterThanAnnounced(t *testing.T) {
	o := newOrigin(t, twoInputs)
	names, media := segments(t)
	packed := gzipped(t, []byte(shortList))
	for path, body := range map[string][]byte{"/in/a/" + names[0]: media[0], "/in/a/live.m3u8": []byte(shortList), "/in/a/gzip.m3u8": packed} {
		r := httptest.NewRequest("PUT", path, bytes.NewReader(body))
		r.ContentLength++
		if strings.Contains(path, "gzip") {
			r.Header.Set("Content-Encoding", "gzip")
		}
		want(t, o.serve(r), 400, "the upload broke off: 1 bytes less than announced")
		want(t, o.do("GET", path, nil), 404, "")
	}
}

// An encoder that hangs up early has not found a fault of the origin.
func TestHungUp(t *testing.T) {
	o := newOrigin(t, twoInputs)
	names, media := segments(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	want(t, o.serve(httptest.NewRequestWithContext(ctx, "PUT", "/in/a/"+names[0], bytes.NewReader(media[0]))), 400, "the encoder has hung up")
}
