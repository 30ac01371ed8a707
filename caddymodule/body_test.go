package caddymodule

import (
	"bytes"
	"context"
	"net/http"
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

// A limit of the site is not taken for one of the input, which it would be no use to raise.
func TestTheSiteHasALimitOfItsOwn(t *testing.T) {
	o := newOrigin(t, withInput("max_segment_size 1MiB"))
	for _, c := range []struct {
		site int64
		text string
	}{
		{200, "larger than 200 bytes (max_size of request_body"},
		{2 << 20, "larger than 1048576 bytes (max_segment_size)"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("PUT", "/in/a/seg.ts", bytes.NewReader(make([]byte, 2<<20)))
		r.ContentLength = -1
		r.Body = http.MaxBytesReader(w, r.Body, c.site) // as the handler request_body does
		want(t, o.serve(r), 413, c.text)
	}
}
