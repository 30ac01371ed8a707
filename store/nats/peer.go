package nats

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Objects by HTTP. A node that is asked for an object over NATS, which has checked who asks,
// answers with a URL that it has signed: so no secret has to be shared, and no clock but its
// own counts.

const (
	// peerPath is below which objects are.
	peerPath = "/objects/"
	// ticketTime is how long a URL is good for.
	ticketTime = time.Minute
	// peerDial and peerHeader bound the beginning of a request, fetchTimeout all of it.
	peerDial   = 500 * time.Millisecond
	peerHeader = 2 * time.Second
	// peerIdle is how long a node may send nothing, and peerSilence how long one that seems
	// to be dead may.
	peerIdle    = 3 * time.Second
	peerSilence = 200 * time.Millisecond
	// lookAgain is how long after it has failed, or was looked at, an address is looked at again.
	lookAgain = 30 * time.Second
)

// peerServer serves the node's own tier to the other nodes.
type peerServer struct {
	local   store.Store
	address string
	secret  [32]byte
	server  *http.Server
	ended   chan struct{}
}

// servePeers listens on the port of the address, on all of the machine's addresses: the one
// that peers use may be another machine's that passes it on.
func servePeers(address string, local store.Store) (*peerServer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("peer address: %w", err)
	}
	listener, err := net.Listen("tcp", ":"+portOf(u))
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	p := &peerServer{local: local, address: strings.TrimSuffix(address, "/"), ended: make(chan struct{})}
	_, _ = rand.Read(p.secret[:]) // never fails
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: peerHeader,
		ReadTimeout:       peerHeader,
		WriteTimeout:      fetchTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(listener) // ends with close
	}()
	return p, nil
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return "80"
}

// close ends it, with the requests that are under way.
func (p *peerServer) close() {
	_ = p.server.Close()
	<-p.ended
}

// url is where a peer can have an object for a while.
func (p *peerServer) url(key string) string {
	return p.signed(key, time.Now().Add(ticketTime).Unix())
}

func (p *peerServer) signed(key string, seconds int64) string {
	until := strconv.FormatInt(seconds, 10)
	return p.address + peerPath + key + "?until=" + until + "&ticket=" + p.ticket(key, until)
}

// ticket signs the key and the time.
func (p *peerServer) ticket(key, until string) string {
	mac := hmac.New(sha256.New, p.secret[:])
	_, _ = io.WriteString(mac, key+"\n"+until)
	return hex.EncodeToString(mac.Sum(nil))
}

// admits checks the ticket of a request. hmac.Equal takes the same time wherever they differ.
func (p *peerServer) admits(key string, q url.Values) bool {
	until := q.Get("until")
	if !hmac.Equal([]byte(q.Get("ticket")), []byte(p.ticket(key, until))) {
		return false
	}
	seconds, err := strconv.ParseInt(until, 10, 64)
	return err == nil && time.Now().Unix() <= seconds
}

// ServeHTTP implements http.Handler.
func (p *peerServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, peerPath)
	if !ok || !p.admits(key, r.URL.Query()) {
		w.Header().Set("Connection", "close") // strangers hold no connection
		http.Error(w, "a signed URL is needed", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	object, err := p.local.Open(store.Urgent(r.Context()), key)
	if err != nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	defer object.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(object.Size(), 10))
	_, _ = object.WriteTo(w) // the peer counts the bytes
}

// peerClient reads from other nodes. Proxies are for what is far away.
var peerClient = &http.Client{
	Timeout: fetchTimeout,
	Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: peerDial}).DialContext,
		ResponseHeaderTimeout: peerHeader,
		MaxIdleConnsPerHost:   rangesAtOnce,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// readHTTP reads the whole object from the URL that its holder gave.
func (s *Store) readHTTP(ctx context.Context, h *holder, _ string, w store.Writer, hash *xxhash.Digest) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var progress progress
	go progress.watch(ctx, func(idle time.Duration) {
		if idle > peerIdle || idle > peerSilence && !s.alive(h.node) {
			cancel(fmt.Errorf("nothing has come for %v", idle.Round(time.Millisecond)))
		}
	})
	err := s.readURL(ctx, h, w, io.MultiWriter(hash, &progress))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause // rather than that the context was canceled
	}
	return err
}

func (s *Store) readURL(ctx context.Context, h *holder, w store.Writer, seen io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.head.URL, nil)
	if err != nil {
		return withoutURL(err)
	}
	response, err := peerClient.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", response.Status)
	}
	// One byte more than promised shows that there is more.
	body := io.TeeReader(io.LimitReader(response.Body, h.head.Size+1), seen)
	n, err := w.ReadFrom(body)
	if err == nil && n != h.head.Size {
		err = fmt.Errorf("%d bytes came, not %d", n, h.head.Size)
	}
	return err
}

// progress notes when bytes came last.
type progress struct{ last atomic.Int64 }

func (p *progress) Write(b []byte) (int, error) {
	p.last.Store(time.Now().UnixNano())
	return len(b), nil
}

// watch says how long ago that was, until the context ends.
func (p *progress) watch(ctx context.Context, say func(idle time.Duration)) {
	p.last.Store(time.Now().UnixNano())
	for pause(ctx, peerSilence/2) == nil {
		say(time.Duration(time.Now().UnixNano() - p.last.Load()))
	}
}

func (s *Store) alive(node string) bool {
	return slices.ContainsFunc(s.nodes.Peers(), func(p store.Peer) bool { return p.Node == node && p.Alive })
}

// withoutURL keeps signed URLs out of logs.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
