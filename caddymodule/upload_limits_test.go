package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An input has so many uploads at a time, and the other one does not notice.
func TestUploadsAtATime(t *testing.T) {
	o := newOrigin(t, withInput("max_uploads 3"))
	var wg sync.WaitGroup
	var bodies []*io.PipeWriter
	for i := range 3 {
		body, w := io.Pipe()
		bodies = append(bodies, w)
		wg.Go(func() { o.do("PUT", fmt.Sprintf("/in/a/%d.m3u8", i), body) })
		if _, err := w.Write([]byte("#EXTM3U\n")); err != nil {
			t.Fatal(err)
		}
	}
	w := o.do("PUT", "/in/a/4.m3u8", strings.NewReader(shortList))
	want(t, w, 429, "max_uploads")
	wantHeader(t, w.Header(), "Retry-After", "1")
	want(t, o.do("PUT", "/in/b/4.m3u8", strings.NewReader(shortList)), 201, "")
	for _, b := range bodies {
		b.Close()
	}
	wg.Wait()
	want(t, o.do("PUT", "/in/a/4.m3u8", strings.NewReader(shortList)), 201, "")
}

// trickle brings a byte a second.
type trickle struct{ left int }

func (r *trickle) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	r.left--
	p[0] = '#'
	return 1, nil
}

func TestSlowUploadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withInput("max_uploads 3"))
		began := time.Now()
		w := o.do("PUT", "/in/a/x.ts", &trickle{left: 1000})
		want(t, w, 408, "min_upload_rate")
		if took := time.Since(began); took > rateGrace+2*time.Second {
			t.Errorf("after %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withInput("min_upload_rate off"))
		if w := o.do("PUT", "/in/a/x.ts", &trickle{left: 100}); w.Code == 408 {
			t.Error(w.Body)
		}
	})
}

// silentFor brings nothing for a while, and then all at once.
type silentFor struct {
	time.Duration
	io.Reader
}

func (r *silentFor) Read(p []byte) (int, error) {
	time.Sleep(r.Duration)
	r.Duration = 0
	return r.Reader.Read(p)
}

// An encoder opens the upload of an initialization section when it starts, and sends it with
// its first segment. One that never sends anything gives its place back in the end.
func TestUploadsMayBeginLate(t *testing.T) {
	for _, c := range []struct {
		body   io.Reader
		status int
		text   string
	}{
		{&silentFor{100 * time.Second, strings.NewReader(shortList)}, 201, ""},
		{&silentFor{121 * time.Second, strings.NewReader(shortList)}, 408, "min_upload_rate"},
		{io.MultiReader(&silentFor{100 * time.Second, strings.NewReader("#")}, &silentFor{31 * time.Second, strings.NewReader("EXT")}), 408, "min_upload_rate"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrigin(t, withInput("max_uploads 3"))
			want(t, o.do("PUT", "/in/a/live.m3u8", c.body), c.status, c.text)
		})
	}
	for _, held := range []bool{false, true} { // the connection takes deadlines
		began := time.Now()
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		body := newPacedReader(w, strings.NewReader("#"), defaultUploadRate)
		if held {
			_, _ = body.Read(make([]byte, 1))
		}
		_, _ = body.Read(make([]byte, 1))
		most := map[bool]time.Duration{false: silentGrace, true: rateGrace}[held]
		if wait := w.last.Sub(began); wait < most-time.Second || wait > most+time.Second {
			t.Errorf("something has arrived: %v; and %v are left", held, wait)
		}
	}
}

// deadlines is an answer whose deadline can be set.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.last = at
	return nil
}

// A sender is not blamed for a disk that is slow, or for other uploads whose turn it is.
func TestTheOriginMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := newPacedReader(httptest.NewRecorder(), &trickle{left: 1000}, defaultUploadRate)
		one := make([]byte, 1)
		for range 10 {
			if _, err := body.Read(one); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		var err error
		began := time.Now()
		for err == nil {
			_, err = body.Read(one)
		}
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < rateGrace-11*time.Second || took > rateGrace {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
