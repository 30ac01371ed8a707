package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// listed is how many segments a playlist has at most.
	listed = 6
	// uploadTimeout ends an upload that the origin does not take.
	uploadTimeout = 10 * time.Second
	// maxBehind is how far behind the encoder may be and still catch up. Beyond that, the
	// machine was asleep, and it starts over.
	maxBehind = 30 * time.Second
	// maxAnswer is how much is read of what the origin answers.
	maxAnswer = 4 << 10
)

// Options configure an Encoder.
type Options struct {
	// Name of the encoder, the same as that of its input.
	Name string
	// Target is the URL of the input.
	Target string
	// Token is the bearer token of the input, empty if it is open.
	Token string
	// Lateness is how long after its last picture a segment is sent.
	Lateness time.Duration
	// Transport sends the requests. Default: its own keep-alive connection.
	Transport http.RoundTripper
}

// Encoder pushes the programme to an input in real time: each segment after its
// last picture, and then the playlist that lists it. All encoders are locked:
// their media time is Unix time, and their segments are the same. Its methods are
// safe for concurrent use.
type Encoder struct {
	options Options
	client  *http.Client
	sample  *sample
	// revived has a token when a killed encoder is to be started again.
	revived chan struct{}

	mu    sync.Mutex
	alive bool
	end   context.CancelFunc // of the current run
	until time.Time          // up to which it is stopped
	fault Action             // what is wrong with the next segment
	left  int                // for how many segments, from the next one on
	since int64              // the first segment with that fault
	sent  int
	last  time.Time
	err   error // of the last upload
}

// NewEncoder returns an encoder. It starts working with Run.
func NewEncoder(o Options) (*Encoder, error) {
	s, err := loadSample()
	if err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = new(http.Transport)
	}
	return &Encoder{
		options: o, sample: s, alive: true, end: func() {}, revived: make(chan struct{}, 1),
		client: &http.Client{Transport: o.Transport, Timeout: uploadTimeout},
	}, nil
}

// Run encodes until ctx is done. It is called once.
func (e *Encoder) Run(ctx context.Context) {
	defer e.client.CloseIdleConnections()
	for {
		life, end := context.WithCancel(ctx)
		if e.begin(end) {
			e.live(life)
		}
		end()
		select {
		case <-ctx.Done():
			return
		case <-e.revived:
		}
	}
}

// begin notes how to end the run that begins, unless it has already been ended.
func (e *Encoder) begin(end context.CancelFunc) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end = end
	return e.alive
}

// live encodes from the next segment on, like a program that is started now.
func (e *Encoder) live(ctx context.Context) {
	first := nextSegment()
	for n := first; e.wait(ctx, startOf(n+1).Add(e.options.Lateness)); n++ {
		if time.Since(startOf(n+1)) > maxBehind {
			first = nextSegment()
			n = first - 1
			continue
		}
		e.push(ctx, first, n)
	}
}

// nextSegment is the first segment that has not begun yet.
func nextSegment() int64 { return time.Now().UnixNano()/int64(SegmentDuration) + 1 }

// startOf is when segment n starts.
func startOf(n int64) time.Time { return time.Unix(0, n*int64(SegmentDuration)) }

// wait waits until then, or longer if the encoder is stopped. It is false if there is
// nothing left to wait for.
func (e *Encoder) wait(ctx context.Context, then time.Time) bool {
	for {
		e.mu.Lock()
		if e.until.After(then) {
			then = e.until
		}
		e.mu.Unlock()
		left := time.Until(then)
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(left):
		}
	}
}

// push sends segment n and the playlist of this run. Errors are noted and do not
// stop it, as with other encoders.
func (e *Encoder) push(ctx context.Context, first, n int64) {
	fault, since := e.takeFault(n)
	if fault != Drop {
		e.note(ctx, e.put(ctx, segmentName(n), "video/mp2t", e.sample.spoiled(n, fault, since)))
	}
	playlist := playlistOf(max(first, n-listed+1), n)
	if err := e.put(ctx, "live.m3u8", "application/vnd.apple.mpegurl", playlist); err != nil {
		e.note(ctx, err)
	}
}

func segmentName(n int64) string { return fmt.Sprintf("seg%d.ts", n) }

// playlistOf is the playlist of segments first to last.
func playlistOf(first, last int64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n",
		SegmentDuration/time.Second, first)
	for n := first; n <= last; n++ {
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.6f,\n%s\n",
			startOf(n).UTC().Format("2006-01-02T15:04:05.000Z"), SegmentDuration.Seconds(), segmentName(n))
	}
	return b.Bytes()
}

func (e *Encoder) put(ctx context.Context, name, contentType string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimSuffix(e.options.Target, "/")+"/"+name, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", contentType)
	if e.options.Token != "" {
		r.Header.Set("Authorization", "Bearer "+e.options.Token)
	}
	resp, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// Once read to the end, the connection can be reused.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer to %s: %w", name, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", name, resp.Status, strings.TrimSpace(string(answer)))
	}
	return nil
}

// takeFault returns what is to be wrong with segment n, the next one, and since which
// segment.
func (e *Encoder) takeFault(n int64) (Action, int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fault := e.fault
	if fault == "" {
		return "", 0
	}
	if e.left == faultLength(fault) {
		e.since = n
	}
	if e.left--; e.left == 0 {
		e.fault = ""
	}
	return fault, e.since
}

// note notes how the upload of a segment ended, unless that was by Kill.
func (e *Encoder) note(ctx context.Context, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	e.err = err
	if err == nil {
		e.sent++
		e.last = time.Now()
	}
}
