// Package front is what stands before the nodes of one origin: for viewers a CDN that asks
// another node each time, for encoders a load balancer.
package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

const (
	// patience is how long a node may take to answer before another one is asked.
	patience = time.Second
	// rest is for how long a node that took longer is asked after the others. An encoder that
	// waits for it with each upload would fall behind.
	rest = 15 * time.Second
)

// ServedBy is the header that names the node of an answer.
const ServedBy = "X-Served-By"

var errNoNode = errors.New("no node answers")

// Front stands before some nodes, numbered from 0. Its methods are safe for concurrent use.
type Front struct {
	nodes     []*node
	transport *http.Transport
	turn      atomic.Uint64
	page      atomic.Int64 // the node whose status page is shown
}

type node struct {
	name    string
	base    *url.URL
	answers atomic.Uint64
	// silent is when it did not answer in time, in Unix nanoseconds; 0 if it has since.
	silent atomic.Int64
}

func (n *node) resting() bool {
	at := n.silent.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < rest
}

// Node is where a node is.
type Node struct {
	Name string
	Base string // URL
}

// New returns the front of these nodes.
func New(nodes []Node) (*Front, error) {
	// Answers pass as they are. A node that hangs is noticed where nothing else limits the time.
	f := &Front{transport: &http.Transport{DisableCompression: true, ResponseHeaderTimeout: patience}}
	for _, n := range nodes {
		base, err := url.Parse(n.Base)
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", n.Name, err)
		}
		f.nodes = append(f.nodes, &node{name: n.Name, base: base})
	}
	return f, nil
}

// Answers counts what viewers got from a node.
func (f *Front) Answers(i int) uint64 { return f.nodes[i].answers.Load() }

// ServeHTTP gives viewers the answer of the node whose turn it is, or of the next one that has
// an answer.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the front takes no uploads", http.StatusMethodNotAllowed)
		return
	}
	first := int(f.turn.Add(1) % uint64(len(f.nodes)))
	answer, i, err := f.ask(r, first)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	n := f.nodes[i]
	n.answers.Add(1)
	h := w.Header()
	for name, values := range answer.Header {
		h[name] = values
	}
	h.Set(ServedBy, n.name)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // the viewer may have left
}

// ask asks one node after the other, from the first on, until one answers. Those that lately
// did not come last.
func (f *Front) ask(r *http.Request, first int) (*http.Response, int, error) {
	var order, last []int
	for step := range f.nodes {
		i := (first + step) % len(f.nodes)
		if f.nodes[i].resting() {
			last = append(last, i)
			continue
		}
		order = append(order, i)
	}
	for _, i := range append(order, last...) {
		answer, err := f.fetch(r, f.nodes[i])
		if r.Context().Err() != nil {
			return nil, 0, r.Context().Err()
		}
		f.nodes[i].note(err)
		if err == nil && answer.StatusCode < http.StatusInternalServerError {
			return answer, i, nil
		}
	}
	return nil, 0, errNoNode
}

// note notes whether the node has let somebody wait. One that is not there costs no time.
func (n *node) note(err error) {
	switch {
	case err == nil:
		n.silent.Store(0)
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		n.silent.Store(time.Now().UnixNano())
	}
}

// fetch gets the whole answer of a node, which it may not break off.
func (f *Front) fetch(r *http.Request, n *node) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	out, err := http.NewRequestWithContext(ctx, r.Method, n.base.JoinPath(r.URL.Path).String(), nil)
	if err != nil {
		return nil, err
	}
	out.URL.RawQuery = r.URL.RawQuery
	out.Header = r.Header.Clone()
	out.Header.Del("Connection")
	if r.GetBody != nil {
		if out.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
		out.ContentLength, out.GetBody = r.ContentLength, r.GetBody
	}
	answer, err := f.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// Page shows the status page of one node for as long as that answers, and then that of
// another one.
func (f *Front) Page() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {}, // the transport chooses the node
		Transport: roundTripper(f.fromPageNode),
		ErrorLog:  log.New(io.Discard, "", 0), // events that end with their node
		// Its only cause is that no node answers, and the page says that.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

// fromPageNode does not wait for the end of the answer: events have none.
func (f *Front) fromPageNode(r *http.Request) (*http.Response, error) {
	first := int(f.page.Load())
	for step := range f.nodes {
		i := (first + step) % len(f.nodes)
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.Host = f.nodes[i].base.Scheme, f.nodes[i].base.Host, ""
		answer, err := f.transport.RoundTrip(out)
		if err != nil {
			continue
		}
		if answer.StatusCode >= http.StatusInternalServerError {
			answer.Body.Close()
			continue
		}
		f.page.Store(int64(i))
		answer.Header.Set(ServedBy, f.nodes[i].name)
		return answer, nil
	}
	return nil, errNoNode
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
