package caddymodule

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// downloads are the segments that viewers of a channel are fetching, and the media that is read back
// from its inputs. What is deleted takes up room as long as somebody reads it, so slow readers are cut
// off in the end.
type downloads struct {
	mu  sync.Mutex
	all map[*download]struct{}
}

// download is one of them, and what it is written to.
type download struct {
	of       *downloads
	keys     []string  // of the objects in the store
	endpoint string    // empty for what is read back from an input
	until    time.Time // when it is cut off, whether or not its room is needed

	w http.ResponseWriter
	r *http.Request

	mu sync.Mutex
	// socket has the deadlines of the connection, below all that wraps it, as those
	// are for the goroutine of the request alone; nil when the download is over.
	socket *http.ResponseController
	cut    atomic.Bool
	// broken: what was written last did not go out. It belongs to the goroutine of the
	// request.
	broken bool
}

// begin adds a download, which may take as long as patience. The caller calls end.
func (l *downloads) begin(w http.ResponseWriter, r *http.Request, keys []string, endpoint string, patience time.Duration) *download {
	d := &download{
		of: l, keys: keys, endpoint: endpoint, until: time.Now().Add(patience),
		w: w, r: r, socket: http.NewResponseController(innermost(w)),
	}
	// Where deadlines can't be set, the connection has one of its own.
	_ = http.NewResponseController(w).SetWriteDeadline(d.until)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*download]struct{}{}
	}
	l.all[d] = struct{}{}
	return d
}

// innermost returns the writer that the server itself made.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

var errCut = errors.New("cut off: what is being read was deleted, and its room is needed")

// Header implements http.ResponseWriter.
func (d *download) Header() http.Header { return d.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (d *download) WriteHeader(status int) { d.w.WriteHeader(status) }

// Unwrap is for http.ResponseController.
func (d *download) Unwrap() http.ResponseWriter { return d.w }

// Write implements http.ResponseWriter.
func (d *download) Write(p []byte) (int, error) {
	if d.cut.Load() {
		d.broken = true
		return 0, errCut
	}
	n, err := d.w.Write(p)
	d.broken = err != nil
	return n, err
}

// ReadFrom implements io.ReaderFrom: a file goes to the socket by the system's own
// means.
func (d *download) ReadFrom(r io.Reader) (int64, error) {
	if d.cut.Load() {
		d.broken = true
		return 0, errCut
	}
	if f, ok := d.w.(io.ReaderFrom); ok {
		n, err := f.ReadFrom(r)
		d.broken = err != nil
		return n, err
	}
	return io.Copy(struct{ io.Writer }{d}, r)
}

// abort ends a download that broke off, in a way that the client notices. Over HTTP/1 the
// connection ends with it. The end of an HTTP/2 or HTTP/3 stream looks like that of the
// segment, so the stream has to be reset.
func abort(r *http.Request) {
	if r.ProtoMajor > 1 {
		panic(http.ErrAbortHandler)
	}
}

// end removes it. It reports whether it broke off because it took too long.
func (d *download) end() (tooSlow bool) {
	if finishInTime(d.w, d.r) != nil {
		d.broken = true
	}
	d.of.mu.Lock()
	delete(d.of.all, d)
	d.of.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.socket = nil
	if d.cut.Load() {
		return false
	}
	liftDeadline(d.w, d.r)
	return d.broken && !time.Now().Before(d.until)
}

// finishInTime sends what the server has buffered of an answer, as long as the deadline of its handler
// holds. What is sent after the handler would have none. Over HTTP/2 and 3 that is not needed: a
// deadline there is the stream's, and stays. Errors: those of the connection.
func finishInTime(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor > 1 {
		return nil
	}
	return http.NewResponseController(w).Flush()
}

// liftDeadline lets the connection go on without the deadline that a handler has set for its answer: over
// HTTP/1, it may have more to do.
func liftDeadline(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
}

// stop cuts it off. It reports whether that was the first time.
func (d *download) stop() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.socket == nil {
		return false
	}
	first := !d.cut.Swap(true)
	// What is being written ends now; Write takes care of the rest.
	_ = d.socket.SetWriteDeadline(time.Unix(1, 0))
	return first
}

// Why a download was cut off.
const (
	cutForRoom   = "room_needed"
	cutAsTooSlow = "too_slow"
)

// countCut counts a viewer who was cut off.
func (c *sharedChannel) countCut(endpoint, reason string) {
	if endpoint == "" {
		return
	}
	counted.downloadsCut.Inc(c.key.store, c.key.name, endpoint, reason)
}

// endDownload ends a download, and counts it if it was cut off.
func (c *sharedChannel) endDownload(d *download) {
	if d.end() {
		c.countCut(d.endpoint, cutAsTooSlow)
	}
}

// cutDeleted cuts off those who are reading what has been deleted, and returns how many
// there were.
func (c *sharedChannel) cutDeleted() int {
	c.downloads.mu.Lock()
	list := slices.Collect(maps.Keys(c.downloads.all))
	c.downloads.mu.Unlock()
	n := 0
	for _, d := range list {
		if c.channel.Deleted(d.keys) && d.stop() {
			c.countCut(d.endpoint, cutForRoom)
			n++
		}
	}
	return n
}

// cutWait is how long to wait for the room that those who were cut off held.
const cutWait = 100 * time.Millisecond

// cutSlowReaders frees what has been deleted and is only held by viewers who read it
// slowly.
func (s *sharedStore) cutSlowReaders() {
	n := 0
	live.eachChannel(func(c *sharedChannel) {
		if c.store == s {
			n += c.cutDeleted()
		}
	})
	if n == 0 {
		return
	}
	for until := time.Now().Add(cutWait); time.Now().Before(until); time.Sleep(cutWait / 20) {
		if s.store.Usage().Free >= s.room.underWay.Load()+reserved {
			return
		}
	}
}
