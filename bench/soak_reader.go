package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// reader looks at all that a channel puts on air: at every version of the playlist, as far
// as polling can see them, and once at every segment.
type reader struct {
	viewer
	*soakChannel

	target    int
	first     int // number of the first entry, of the last version
	slots     []aired
	index     map[int]int // of slots, by number
	counters  continuity
	continued int // number of the slot that the counters belong to
	findings  []finding
}

const (
	// readerPause is between two looks at a playlist.
	readerPause = 400 * time.Millisecond
	// readerPatience is how long to wait for an answer.
	readerPatience = 10 * time.Second
)

func makeReader(c *soakChannel) *reader {
	r := &reader{viewer: *newViewer(c.origin.addr, c.name), soakChannel: c, index: map[int]int{}}
	r.patience = readerPatience
	return r
}

func (r *reader) find(kind, format string, args ...any) {
	r.findings = append(r.findings, finding{r.soakChannel.name, kind, time.Now(), -1, fmt.Sprintf(format, args...)})
}

// watch reads until the context ends.
func (r *reader) watch(ctx context.Context) {
	defer r.close()
	for ctx.Err() == nil {
		r.look(ctx)
		_ = rest(ctx, readerPause)
	}
}

// ask fetches a path, and says what is wrong with the answer unless the origin is away.
// Before the first slot, nothing is there.
func (r *reader) ask(path string) []byte {
	begin := time.Now()
	status, body, err := r.fetchAgain(path)
	switch {
	case err == nil && status == http.StatusOK:
		return body
	case r.origin.wasAway(begin, time.Now()):
	case err != nil:
		r.find(foundAnswer, "%v", err)
	case len(r.slots) == 0 && status == http.StatusNotFound:
	default:
		r.find(foundAnswer, "%s: %d", path, status)
	}
	return nil
}

// fetchAgain is a request as every HTTP client makes it: a connection that was kept may be
// closed by the time that it is used again.
func (c *client) fetchAgain(path string) (int, []byte, error) {
	kept := c.conn != nil
	status, body, err := c.fetch(path)
	if err != nil {
		c.close()
		if kept {
			status, body, err = c.fetch(path)
		}
	}
	if err != nil {
		c.close()
	}
	return status, body, err
}

// rendition finds the playlist that both encoders began with. While one of them sends under
// another name there is a second one.
func (r *reader) rendition() bool {
	if r.viewer.name != "" {
		return true
	}
	names := uris(r.ask(r.viewer.path + "/index.m3u8"))
	if len(names) == 0 {
		return false
	}
	r.viewer.name = names[0]
	return true
}

func (r *reader) look(ctx context.Context) {
	if !r.rendition() {
		return
	}
	text := r.ask(r.viewer.path + "/" + r.viewer.name)
	if text == nil {
		return
	}
	p, err := readPlaylist(string(text))
	if err != nil {
		r.find(foundAnswer, "%v", err)
		return
	}
	r.numbers(p)
	for _, e := range p.entries {
		i, known := r.index[e.sequence]
		if known {
			if was := r.slots[i].entry; !same(was, e) {
				r.find(foundChange, "slot %d was %+v and is %+v", e.sequence, was, e)
			}
			continue
		}
		r.take(ctx, e)
	}
}

func same(a, b entry) bool {
	return a.uri == b.uri && a.seconds == b.seconds && a.date.Equal(b.date) && a.broken == b.broken && a.breaks == b.breaks && a.gap == b.gap
}

// numbers checks what must never go back, or never change.
func (r *reader) numbers(p *shown) {
	if len(r.slots) > 0 {
		if last := r.slots[len(r.slots)-1].sequence; p.last() < last {
			r.find(foundBack, "the last slot is %d, it was %d", p.last(), last)
		}
	}
	if p.sequence < r.first {
		r.find(foundBack, "the first slot is %d, it was %d", p.sequence, r.first)
	}
	r.first = p.sequence
	if r.target != 0 && p.target != r.target {
		r.find(foundChange, "the target duration is %d, it was %d", p.target, r.target)
	}
	r.target = p.target
}

// take fetches a segment and looks into it.
func (r *reader) take(ctx context.Context, e entry) {
	s := aired{entry: e, seen: time.Now()}
	if e.gap {
		s.pieces, s.elsewhere = r.others(ctx, e.sequence)
		r.continued = -1
	} else {
		body, ok := r.media(ctx, e)
		if !ok {
			return
		}
		if e.broken || e.sequence != r.continued+1 {
			r.counters = continuity{}
		}
		r.continued = e.sequence
		s.jumps = r.counters.follow(body)
		s.pieces, s.fault = r.timeline.identify(body)
	}
	r.onAir.Store(true)
	at, _ := slices.BinarySearchFunc(r.slots, e.sequence, func(s aired, n int) int { return s.sequence - n })
	r.slots = slices.Insert(r.slots, at, s)
	for i := at; i < len(r.slots); i++ {
		r.index[r.slots[i].sequence] = i
	}
}

// others looks for a slot in the other renditions: while the active encoder sends under
// another name, the slot is there, and this rendition has a gap.
func (r *reader) others(ctx context.Context, sequence int) ([]int, bool) {
	for _, name := range uris(r.ask(r.viewer.path + "/index.m3u8")) {
		if name == r.viewer.name {
			continue
		}
		p, err := readPlaylist(string(r.ask(r.viewer.path + "/" + name)))
		if err != nil {
			continue
		}
		for _, e := range p.entries {
			if e.sequence != sequence || e.gap {
				continue
			}
			body, ok := r.media(ctx, e)
			if !ok {
				continue
			}
			pieces, err := r.timeline.identify(body)
			return pieces, err == nil
		}
	}
	return nil, false
}

// media fetches a segment, also if the origin goes away meanwhile.
func (r *reader) media(ctx context.Context, e entry) ([]byte, bool) {
	for range 40 {
		if ctx.Err() != nil {
			return nil, false
		}
		begin := time.Now()
		if body := r.ask(r.viewer.path + "/" + e.uri); body != nil {
			return body, true
		}
		if !r.origin.wasAway(begin, time.Now()) {
			return nil, false
		}
		_ = rest(ctx, readerPause/2)
	}
	return nil, false
}
