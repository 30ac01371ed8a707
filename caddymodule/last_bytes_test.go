package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// bufferedViewer gets what a server buffers: a short answer, or the end of one, goes out only when the
// handler has returned.
type bufferedViewer struct {
	http.ResponseWriter
	deadline time.Time
	held     bool
	endless  bool // something was sent without a deadline
	unsized  bool // the length was not told
}

func (b *bufferedViewer) Write(p []byte) (int, error) {
	b.held = true
	return b.ResponseWriter.Write(p)
}

func (b *bufferedViewer) FlushError() error {
	b.endless = b.endless || b.held && b.deadline.IsZero()
	b.unsized = b.Header().Get("Content-Length") == ""
	b.held = false
	return nil
}

func (b *bufferedViewer) SetWriteDeadline(t time.Time) error {
	b.deadline = t
	return nil
}

// Viewers who do not read the last bytes of an answer are cut off like those who read nothing, and over
// HTTP/1 the connection then has no deadline that would end what comes next.
func TestTheLastBytesHaveADeadline(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint("startover_window 1h"))
		for n := range 8 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
		}
		newest := uris(o.media())[0]
		since := time.Now().Add(-8 * time.Second).UTC().Format(time.RFC3339)
		startover := "/live/" + uris(o.do("GET", "/live/index.m3u8?start="+since, nil).Body.String())[0]
		for _, target := range []string{"/live/" + newest, startover, "/in/a/live.m3u8"} {
			for major := 1; major <= 3; major++ {
				w := &bufferedViewer{ResponseWriter: httptest.NewRecorder()}
				r := httptest.NewRequest("GET", target, nil)
				r.ProtoMajor = major
				if err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler); err != nil {
					t.Fatal(err)
				}
				open, unsized := w.deadline, w.unsized
				_ = w.FlushError() // by the server
				if w.endless {
					t.Errorf("%s, HTTP/%d: something is sent without a deadline", target, major)
				}
				if unsized {
					t.Errorf("%s, HTTP/%d: it is sent without its length", target, major)
				}
				if major == 1 && !open.IsZero() {
					t.Errorf("%s: the deadline outlives the answer", target)
				}
			}
		}
	})
}

// forgetfulViewer reads nothing of what is buffered until the answer ends.
type forgetfulViewer struct{ bufferedViewer }

func (f *forgetfulViewer) FlushError() error {
	time.Sleep(time.Until(f.deadline))
	return os.ErrDeadlineExceeded
}

// One who did not read the last bytes of a segment in time is counted like one who read none of it.
func TestWhoDoesNotReadTheLastBytesIsCounted(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint(""))
		for n := range 4 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
		}
		key := o.handler.routes["/live"].use.shared.key
		cut := func() uint64 { return counted.downloadsCut.count(key.store, key.name, "hls", cutAsTooSlow) }
		before := cut()
		w := &forgetfulViewer{bufferedViewer{ResponseWriter: httptest.NewRecorder()}}
		r := httptest.NewRequest("GET", "/live/"+uris(o.media())[3], nil)
		if err := o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler); err != nil {
			t.Fatal(err)
		}
		if n := cut() - before; n != 1 {
			t.Errorf("%d are counted", n)
		}
	})
}
