package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/activity"
)

const (
	// statusInterval is how often a page gets the state of the channels, changed or not: it
	// is the heartbeat, too.
	statusInterval = time.Second
	// activityInterval is how long what happens at about the same time is collected.
	activityInterval = 200 * time.Millisecond
	// statusWriteTimeout ends the stream of a page that does not read. The browser
	// opens another one when it is back.
	statusWriteTimeout = 15 * time.Second
)

// serveSnapshot answers with what a page gets when it connects.
func (p *statusPage) serveSnapshot(w http.ResponseWriter, r *http.Request) error {
	list, err := p.selected(r)
	if err != nil {
		return notFound(w, r, err)
	}
	w.Header()["Cache-Control"] = noStore
	return writeJSON(w, http.StatusOK, p.snapshot(newStreamed(list)))
}

// serveEvents keeps a page up to date. A page that has missed something gets it again:
// every stream begins with all there is.
func (p *statusPage) serveEvents(w http.ResponseWriter, r *http.Request) error {
	list, err := p.selected(r)
	if err != nil {
		return notFound(w, r, err)
	}
	leave, err := p.open.enter(r)
	if err != nil {
		w.Header()["Retry-After"] = []string{"10"}
		return fail(w, r, http.StatusServiceUnavailable, err)
	}
	defer leave()
	if p.app.ending.Err() != nil {
		return busy(w, r, errors.New("the config is no longer in use"))
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = noStore
	h["X-Accel-Buffering"] = []string{"no"} // nginx would wait for a full buffer
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	// Caddy waits for its requests when a config ends, so they have to end with it.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.app.ending, cancel)()
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	// The connection may have more to do. Where deadlines can't be set, none is left.
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }()
	// What fails from here on is the connection, or the page that doesn't read.
	_ = p.stream(ctx, s, newStreamed(list))
	return nil
}

// stream sends a page all there is, and then what happens.
func (p *statusPage) stream(ctx context.Context, s *eventStream, list []*streamed) error {
	// How long a page that lost its stream waits before it asks again.
	if err := s.send("retry", []byte("2000")); err != nil {
		return err
	}
	if err := s.sendJSON("snapshot", p.snapshot(list)); err != nil {
		return err
	}
	pace := time.NewTicker(statusInterval)
	defer pace.Stop()
	for {
		if !wait(ctx, pace.C, list) {
			return ctx.Err()
		}
		lost := false
		for _, c := range list {
			entries, missed := c.read()
			lost = lost || missed
			if len(entries) == 0 {
				continue
			}
			if err := s.sendJSON("activity", pageActivity{Channel: c.name, Entries: entries}); err != nil {
				return err
			}
		}
		if lost {
			if err := s.sendJSON("snapshot", p.snapshot(list)); err != nil {
				return err
			}
		}
		if now := time.Now(); now.Sub(s.status) >= statusInterval-activityInterval {
			s.status = now
			if err := s.send("status", p.currentStatuses(now)); err != nil {
				return err
			}
		}
	}
}

// streamed is a channel that a stream covers in full.
type streamed struct {
	*watched
	activity *activity.Notes
	next     uint64
	changed  <-chan struct{}
}

func newStreamed(list []*watched) []*streamed {
	all := make([]*streamed, 0, len(list))
	for _, c := range list {
		all = append(all, &streamed{watched: c, activity: c.channel().Activity()})
	}
	return all
}

// read returns what has happened since the last time, and whether some of it was
// forgotten before.
func (c *streamed) read() (entries []pageEntry, missed bool) {
	if c.activity == nil {
		return nil, false
	}
	list, lost, next, changed := c.activity.Since(c.next)
	c.next, c.changed = next, changed
	for i := range list {
		entries = append(entries, entryOf(&list[i]))
	}
	return entries, lost > 0
}

// wait returns when something has happened, or when it is time for a heartbeat. It reports
// false at the end of the stream.
func wait(ctx context.Context, pace <-chan time.Time, list []*streamed) bool {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(pace)},
	}
	for _, c := range list {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c.changed)})
	}
	switch i, _, _ := reflect.Select(cases); i {
	case 0:
		return false
	case 1:
		return true
	}
	// Objects of all renditions come together, with their playlists.
	select {
	case <-ctx.Done():
		return false
	case <-time.After(activityInterval):
		return true
	}
}

// eventStream writes server-sent events (HTML Living Standard, 9.2).
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	status  time.Time // when the last one was sent
	buffer  []byte
}

func (s *eventStream) sendJSON(event string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send(event, text)
}

// send writes one event. JSON has no line breaks.
func (s *eventStream) send(event string, data []byte) error {
	s.buffer = s.buffer[:0]
	if event == "retry" {
		s.buffer = append(append(append(s.buffer, "retry: "...), data...), "\n\n"...)
	} else {
		s.buffer = append(append(append(s.buffer, "event: "...), event...), "\ndata: "...)
		s.buffer = append(append(s.buffer, data...), "\n\n"...)
	}
	// All servers have deadlines; recorders have none.
	if err := s.control.SetWriteDeadline(time.Now().Add(statusWriteTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(s.buffer); err != nil {
		return err
	}
	return s.control.Flush()
}
