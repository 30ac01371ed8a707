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
	edges     map[string]edge   // by node
	others    map[string]client // of the nodes that are not asked now
	slots     []aired
	index     map[int]int // of slots, by number
	counters  continuity
	continued int // number of the slot that the counters belong to
	findings  []finding
}

// edge is the first and the last number of the latest version of a playlist.
type edge struct{ first, last int }

const (
	// readerPause is between two looks at a playlist.
	readerPause = 400 * time.Millisecond
	// readerPatience is how long to wait for an answer.
	readerPatience = 10 * time.Second
)

func makeReader(c *soakChannel) *reader {
	r := &reader{
		viewer: *newViewer(c.site.nodes[0].addr, c.name), soakChannel: c,
		index: map[int]int{}, edges: map[string]edge{}, others: map[string]client{},
	}
	r.patience = readerPatience
	for _, n := range c.site.nodes {
		r.others[n.addr] = client{addr: n.addr, patience: readerPatience}
	}
	return r
}

// turn goes on at another node, if there is one: all of them show the same.
func (r *reader) turn() {
	r.others[r.addr] = r.client
	r.client = r.others[r.site.other(r.addr)]
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
		r.turn()
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
	case r.site.at(r.addr).wasAway(begin, time.Now()):
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
	was := r.edges[r.addr]
	if p.last() < was.last {
		r.find(foundBack, "the last slot is %d, it was %d (%s)", p.last(), was.last, r.site.at(r.addr).name)
	}
	if p.sequence < was.first {
		r.find(foundBack, "the first slot is %d, it was %d (%s)", p.sequence, was.first, r.site.at(r.addr).name)
	}
	r.edges[r.addr] = edge{p.sequence, p.last()}
	if r.target != 0 && p.target != r.target {
		r.find(foundChange, "the target duration is %d, it was %d", p.target, r.target)
	}
	r.target = p.target
}

// take fetches a segment and looks into it.
func (r *reader) take(ctx context.Context, e entry) {
	s := aired{entry: e, seen: time.Now()}
	if e.gap {
		s.pieces, s.elsewhere = r.elsewhere(ctx, e.sequence)
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

// elsewhere looks for a slot in the other renditions: while the active encoder sends under
// another name, the slot is there, and this rendition has a gap.
func (r *reader) elsewhere(ctx context.Context, sequence int) ([]int, bool) {
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
		begin, node := time.Now(), r.site.at(r.addr)
		if body := r.ask(r.viewer.path + "/" + e.uri); body != nil {
			return body, true
		}
		if !node.wasAway(begin, time.Now()) {
			return nil, false
		}
		r.turn()
		_ = rest(ctx, readerPause/2)
	}
	return nil, false
}
