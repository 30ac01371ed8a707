package front

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// origin is some nodes; what a node does can be changed.
type origin struct {
	front *Front
	nodes []*httptest.Server
	mu    sync.Mutex
	does  map[int]http.HandlerFunc
	took  []string // uploads: the node and the body
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{does: map[int]http.HandlerFunc{}}
	var nodes []Node
	for i := range 3 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.serve(w, r, i) }))
		t.Cleanup(s.Close)
		o.nodes = append(o.nodes, s)
		nodes = append(nodes, Node{Name: fmt.Sprint("n", i), Base: s.URL})
	}
	front, err := New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(front.transport.CloseIdleConnections)
	o.front = front
	return o
}

func (o *origin) serve(w http.ResponseWriter, r *http.Request, i int) {
	o.mu.Lock()
	do := o.does[i]
	o.mu.Unlock()
	if do != nil {
		do(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Method == http.MethodPut {
		o.took = append(o.took, fmt.Sprintf("n%d %s %s", i, r.URL.Path, body))
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.Header().Set("Content-Type", "text/x-node")
	fmt.Fprintf(w, "n%d %s %s", i, r.URL.RequestURI(), r.Header.Get("Range"))
}

// let makes a node do something else, nil for what it usually does.
func (o *origin) let(i int, do http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.does[i] = do
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not noticed
	<-r.Context().Done()
}

func notReady(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// breakOff dies in the middle of an answer.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half")
	panic(http.ErrAbortHandler)
}

// view is a request of a viewer, and the node that answered.
func view(t *testing.T, h http.Handler) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/live/1.ts?start=2", nil)
	r.Header.Set("Range", "bytes=0-1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Sprint(w.Code)
	}
	name := w.Header().Get(ServedBy)
	if want := name + " /live/1.ts?start=2 bytes=0-1"; w.Body.String() != want || w.Header().Get("Content-Type") != "text/x-node" {
		t.Errorf("%q, want %q; %v", w.Body, want, w.Header())
	}
	return name
}

func views(t *testing.T, h http.Handler, count int) []string {
	t.Helper()
	var names []string
	for range count {
		names = append(names, view(t, h))
	}
	return names
}

func TestViewersMoveAtEveryRequest(t *testing.T) {
	o := newOrigin(t)
	if got := views(t, o.front, 6); !slices.Equal(got[:3], got[3:]) || got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
		t.Errorf("the nodes were %q", got)
	}
	for i := range 3 {
		if n := o.front.Answers(i); n != 2 {
			t.Errorf("node %d has answered %d times", i, n)
		}
	}
	r := httptest.NewRequest(http.MethodPut, "/in/a", nil)
	w := httptest.NewRecorder()
	if o.front.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("an upload by way of the front: %d", w.Code)
	}
}

func TestViewersDoNotMeetANodeThatIsAway(t *testing.T) {
	for what, do := range map[string]http.HandlerFunc{"not ready": notReady, "hanging": hang, "breaking off": breakOff} {
		o := newOrigin(t)
		o.let(1, do)
		began := time.Now()
		if got := views(t, o.front, 3); slices.Contains(got, "n1") || !slices.Contains(got, "n0") || !slices.Contains(got, "n2") {
			t.Errorf("%s: the nodes were %q", what, got)
		}
		if took := time.Since(began); took > 3*patience {
			t.Errorf("%s: that took %s", what, took)
		}
		o.let(1, nil)
		o.front.rested()
		if got := views(t, o.front, 3); !slices.Contains(got, "n1") {
			t.Errorf("%s, and back: the nodes were %q", what, got)
		}
	}
	o := newOrigin(t)
	for i, s := range o.nodes {
		s.Close()
		if got := view(t, o.front); (i == 2) != (got == "502") {
			t.Errorf("with %d dead nodes: %s", i+1, got)
		}
	}
}

func TestPageStaysWithANode(t *testing.T) {
	o := newOrigin(t)
	page := o.front.Page()
	if got := views(t, page, 3); !slices.Equal(got, []string{"n0", "n0", "n0"}) {
		t.Errorf("the nodes were %q", got)
	}
	o.let(0, notReady)
	if got := views(t, page, 2); !slices.Equal(got, []string{"n1", "n1"}) {
		t.Errorf("the nodes were %q", got)
	}
	o.let(0, nil)
	o.nodes[1].Close()
	if got := views(t, page, 2); !slices.Equal(got, []string{"n2", "n2"}) {
		t.Errorf("the nodes were %q", got)
	}
	o.nodes[0].Close()
	o.nodes[2].Close()
	if got := view(t, page); got != "502" {
		t.Errorf("without nodes: %s", got)
	}
}

// The page's events come as they happen.
func TestPageStreams(t *testing.T) {
	o := newOrigin(t)
	o.let(0, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	front := httptest.NewServer(o.front.Page())
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL+"/status/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	event := make([]byte, len("data: 1\n\n"))
	if _, err := io.ReadFull(answer.Body, event); err != nil || string(event) != "data: 1\n\n" {
		t.Errorf("%q %v", event, err)
	}
}

// rested lets the time pass after which nodes are asked again.
func (f *Front) rested() {
	for _, n := range f.nodes {
		n.silent.Store(0)
	}
}

func TestEncodersMove(t *testing.T) {
	o := newOrigin(t)
	uplink := o.front.Uplink(1)
	if uplink.Node() != -1 {
		t.Error("before the first upload, a node has taken one")
	}
	client := http.Client{Transport: uplink}
	upload := func(want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://origin/in/a/1.ts", strings.NewReader("media"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			if want != -1 || uplink.Node() != -1 {
				t.Errorf("node %d: %v", uplink.Node(), err)
			}
			return
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated || uplink.Node() != want {
			t.Errorf("%s from node %d, want node %d", answer.Status, uplink.Node(), want)
		}
	}
	upload(1)
	o.let(1, hang)
	upload(2)
	// It does not wait for that node each time.
	began := time.Now()
	upload(2)
	if took := time.Since(began); took >= patience {
		t.Errorf("an upload waited for %v for a node that hangs", took)
	}
	o.let(1, notReady)
	o.nodes[2].Close()
	upload(0)
	// It goes back to the node that it prefers.
	o.let(1, nil)
	o.front.rested()
	upload(1)
	o.nodes[0].Close()
	o.nodes[1].Close()
	upload(-1)
	o.mu.Lock()
	defer o.mu.Unlock()
	want := []string{"n1 /in/a/1.ts media", "n2 /in/a/1.ts media", "n2 /in/a/1.ts media", "n0 /in/a/1.ts media", "n1 /in/a/1.ts media"}
	if !slices.Equal(o.took, want) {
		t.Errorf("uploads: %q, want %q", o.took, want)
	}
}
