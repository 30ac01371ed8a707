package e2e

import (
	"bytes"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// link is the way from an encoder to the origin: it can lose segments and change them.
type link struct {
	*httptest.Server
	// segment answers for each segment: its bytes, nil if it is lost. A lost one is
	// acknowledged, as by a network that swallows it.
	segment func(name string, number int, body []byte) []byte

	mu      sync.Mutex
	uploads []linkUpload
}

// linkUpload is one that the origin has answered: when it was sent, and when the answer came.
type linkUpload struct {
	path     string
	from, to time.Time
}

// carried are all uploads so far.
func (l *link) carried() []linkUpload {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.uploads)
}

// newLink is a link to an origin. It takes an upload whole before it hands it on: ffmpeg
// closes the connection behind its last byte.
func newLink(t *testing.T, o *origin, segment func(name string, number int, body []byte) []byte) *link {
	t.Helper()
	l := &link{segment: segment}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the encoder was killed
		}
		if number, ok := segmentNumber(r.URL.Path); ok {
			if body = l.segment(r.URL.Path, number, body); body == nil {
				w.WriteHeader(http.StatusCreated)
				return
			}
		}
		began := time.Now()
		resp, err := l.send(r.Method, o.url(r.URL.Path), body)
		if err != nil {
			return // the origin ends before the encoder
		}
		defer resp.Body.Close()
		l.mu.Lock()
		l.uploads = append(l.uploads, linkUpload{r.URL.Path, began, time.Now()})
		l.mu.Unlock()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(l.Close)
	return l
}

// send uploads, and once more if there is no answer.
func (l *link) send(method, url string, body []byte) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		request, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(request)
		if err == nil || attempt == 2 {
			return resp, err
		}
	}
}

// segmentNumber is that of seg12.ts; false for what is no segment.
func segmentNumber(name string) (int, bool) {
	ext := path.Ext(name)
	if ext != ".ts" && ext != ".m4s" {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ext), "seg"))
	return n, err == nil
}

// losing is a link that loses a fifth of the segments behind the first ones; share says
// which, so that two of them never lose the same one.
func losing(input string, share uint32) func(string, int, []byte) []byte {
	return func(name string, number int, body []byte) []byte {
		sum := fnv.New32a()
		_, _ = io.WriteString(sum, strings.TrimPrefix(name, "/in/sports/"+input))
		if number >= 3 && sum.Sum32()%5 == share {
			return nil
		}
		return body
	}
}
