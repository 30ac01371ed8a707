package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// audience is what all players saw.
type audience struct {
	mu        sync.Mutex
	playlists int
	segments  int
	bytes     int64
	early     int            // requests before the first slot
	gone      int            // renditions that went away while they were watched
	expected  map[string]int // errors while the origin was away, by kind
	findings  []finding
	wrong     int // that have no finding of their own
}

const (
	// stay is how long a player watches a channel at least; up to three times that.
	stay = 20 * time.Second
	// slowShare of the players read segments about as slowly as they play.
	slowShare = 0.1
	slowPause = 100 * time.Millisecond
	// playerFindings is how many errors are told one by one.
	playerFindings = 100
)

// player watches channels as a television does: polls while it plays, and zaps.
type player struct {
	client
	*audience
	site     *site
	channels []*soakChannel
	random   *rand.Rand
}

func (p *player) play(ctx context.Context) {
	defer p.close()
	// Not all at the same moment.
	_ = rest(ctx, time.Duration(p.random.Int64N(int64(2*time.Second))))
	for ctx.Err() == nil {
		c := p.channels[p.random.IntN(len(p.channels))]
		if p.site.several() {
			p.turn(p.site.nodes[p.random.IntN(len(p.site.nodes))].addr)
		}
		p.watch(ctx, c, time.Now().Add(stay+time.Duration(p.random.Int64N(int64(2*stay)))))
	}
}

// turn goes on at another node.
func (p *player) turn(addr string) {
	if addr != p.addr {
		p.close()
		p.addr = addr
	}
}

// renditions are the names of the playlists of a channel.
func (p *player) renditions(ctx context.Context, c *soakChannel) []string {
	return uris(p.ask(ctx, c, c.live("index.m3u8"), nil))
}

// watch plays one rendition of a channel.
func (p *player) watch(ctx context.Context, c *soakChannel, until time.Time) {
	names := p.renditions(ctx, c)
	if len(names) == 0 {
		_ = rest(ctx, time.Second)
		return
	}
	name := names[p.random.IntN(len(names))]
	// A rendition that no encoder sends any more goes away. Then players turn to the
	// multivariant playlist, which must not have it any more.
	left := false
	leave := func() bool {
		left = !slices.Contains(p.renditions(ctx, c), name)
		return left
	}
	next := 0
	for ctx.Err() == nil && !left && time.Now().Before(until) {
		text := p.ask(ctx, c, c.live(name), leave)
		shown, err := readPlaylist(string(text))
		if err != nil {
			_ = rest(ctx, time.Second)
			continue
		}
		// Three segments from the live edge, as RFC 8216 says; also after a stall.
		next = max(next, shown.last()-2, shown.sequence)
		if next > shown.last() {
			_ = rest(ctx, time.Duration(shown.target)*time.Second/2)
			continue
		}
		e := shown.entries[next-shown.sequence]
		next++
		begin := time.Now()
		if !e.gap {
			p.ask(ctx, c, c.live(e.uri), nil)
		}
		// A little faster than real time, until it has caught up with the edge.
		_ = rest(ctx, time.Until(begin.Add(time.Duration(e.seconds*0.9*float64(time.Second)))))
	}
}

// ask makes a request and counts what comes of it. right, which may be nil, says whether it
// is right that there is nothing.
func (p *player) ask(ctx context.Context, c *soakChannel, path string, right func() bool) []byte {
	begin, early, node := time.Now(), !c.began(), p.site.at(p.addr)
	status, body, err := p.fetchAgain(path)
	if ctx.Err() != nil {
		return nil
	}
	gone := status == http.StatusNotFound && right != nil && right()
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasSuffix(path, ".m3u8") {
		p.playlists++
	} else {
		p.segments++
	}
	if err == nil && status == http.StatusOK {
		p.bytes += int64(len(body))
		return body
	}
	kind := "no connection"
	if err == nil {
		kind = fmt.Sprint(status)
	}
	if early && status == http.StatusNotFound {
		p.early++
		return nil
	}
	if gone {
		p.gone++
		return nil
	}
	if node.wasAway(begin, time.Now()) {
		p.turn(p.site.other(p.addr))
		p.expected[kind]++
		return nil
	}
	if len(p.findings) >= playerFindings {
		p.wrong++
		return nil
	}
	text := fmt.Sprintf("player: %s%s: %s", node.name, path, kind)
	if err != nil {
		text += ": " + err.Error()
	}
	p.findings = append(p.findings, finding{c.name, foundAnswer, begin, -1, text})
	return nil
}
