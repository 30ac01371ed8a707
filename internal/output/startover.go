package output

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

var (
	// ErrQuery: the query asks for startover in a way that can't be understood
	// (HTTP 400).
	ErrQuery = errors.New("bad query")
	// ErrOutside: what is asked for is not, or no longer, or not yet available
	// (HTTP 404).
	ErrOutside = errors.New("outside the startover window")
)

// Startover returns the playlist of this name for a stretch of the past. The
// multivariant playlist takes `start` and `end`, each in Unix seconds or ISO 8601;
// the media playlists that it names have a query of the origin's own, in which
// slots stand for times, so that equal stretches have equal URIs.
//
// A stretch that is over is of type VOD and never changes. One without an end, or with an
// end in the future, is of type EVENT and grows; when its end is reached, it is of type VOD
// under the same URI. Start is compared with EXT-X-PROGRAM-DATE-TIME, see datedAt, and end is as long
// after it as was asked for: a stretch is cut at slots, from the first one that ends after start to the
// last one that starts before end.
//
// It returns nil if the query asks for none of this. Errors: ErrQuery, ErrOutside, ErrBusy,
// and that of the context.
func (v *View) Startover(ctx context.Context, name, rawQuery string) (*Packed, error) {
	if name == v.manifestName+".m3u8" {
		s, err := parseSpan(rawQuery)
		if s == nil || err != nil {
			return nil, err
		}
		return v.startoverMultivariant(ctx, *s)
	}
	id, ok := strings.CutSuffix(name, ".m3u8")
	if !ok {
		return nil, nil
	}
	c, err := parseCut(rawQuery)
	if c == nil || err != nil {
		return nil, err
	}
	return v.startoverMedia(ctx, id, *c)
}

// span is what a viewer asks for, on the channel's clock.
type span struct {
	start, end failover.Ticks
	open       bool // there is no end
}

// cut is a span in slots.
type cut struct {
	first uint64
	// last is 0 as long as the stretch grows.
	last uint64
	// until is where a growing one will end on the channel's clock, 0 for never.
	until failover.Ticks
}

func (v *View) startoverMultivariant(ctx context.Context, s span) (*Packed, error) {
	c, err := v.cut(s)
	if err != nil {
		return nil, err
	}
	if c.last == 0 && v.stale() {
		return nil, fmt.Errorf("%w: %w", ErrOutside, ErrNoMore)
	}
	slots, err := v.stretch(&c)
	if err != nil {
		return nil, err
	}
	query := c.query()
	// Not final: what was measured may change.
	return v.startover.get(ctx, v.manifestName+query, v.number, false, func(*Packed) (*Packed, error) {
		m := withQuery(v.multivariantOf(slots), query)
		m.Tags = startTags(m.Tags, c.last == 0)
		body, err := hls.EncodeMultivariant(m)
		if err != nil {
			return nil, err
		}
		return Pack(body, v.maxAge(c.last != 0)), nil
	})
}

// fromTheBeginning makes players begin a stretch that grows at its beginning (RFC 8216
// 4.3.5.2): without it they take it for a live playlist and begin near its end. What is over
// is played from its beginning anyway. The tag is in the multivariant playlist, which hls.js
// prefers, as video and audio then begin alike, and in the media playlists, the only ones
// that ExoPlayer reads it from. It is there from the first segment on, although it should
// not point into the last three target durations: a playlist that grows must not change. The
// offset is not 0, as Shaka Player takes that for none; without PRECISE, players show the first
// picture all the same.
const fromTheBeginning = "#EXT-X-START:TIME-OFFSET=0.001"

// startTags are the lines of the live multivariant playlist that are true of a stretch. Where
// the encoder wants live viewers to begin is not.
func startTags(live []string, grows bool) []string {
	var tags []string
	if grows {
		tags = append(tags, fromTheBeginning)
	}
	for _, line := range live {
		if !strings.HasPrefix(line, startTag) {
			tags = append(tags, line)
		}
	}
	return tags
}

// withQuery is m with the query appended to the URIs of all media playlists.
func withQuery(m *hls.MultivariantPlaylist, query string) *hls.MultivariantPlaylist {
	out := *m
	out.Renditions, out.Variants, out.IFrames = slices.Clone(m.Renditions), slices.Clone(m.Variants), slices.Clone(m.IFrames)
	for i := range out.Renditions {
		if r := &out.Renditions[i]; r.URI != "" {
			r.URI += query
		}
	}
	for i := range out.Variants {
		out.Variants[i].URI += query
	}
	for i := range out.IFrames {
		out.IFrames[i].URI += query
	}
	return &out
}

// cut finds the slots of a span.
func (v *View) cut(s span) (cut, error) {
	switch {
	case v.startover == nil:
		return cut{}, fmt.Errorf("%w: there is none", ErrOutside)
	case len(v.slots) == 0:
		return cut{}, fmt.Errorf("%w: %w", ErrOutside, ErrNotYet)
	}
	dated := v.datedAt(s.start)
	stamp := func(t failover.Ticks) string { return stamp(t + dated) }
	start, end := s.start-dated, s.end-dated
	edge := v.slots[len(v.slots)-1].ends()
	oldest := max(edge-failover.TicksOf(v.window), v.evicted)
	switch {
	case start < oldest:
		return cut{}, fmt.Errorf("%w: start is %s, and it begins at %s", ErrOutside, stamp(start), stamp(oldest))
	case start >= edge:
		return cut{}, fmt.Errorf("%w: start is %s, and the newest segment ends at %s", ErrOutside, stamp(start), stamp(edge))
	}
	first := sort.Search(len(v.slots), func(i int) bool { return v.slots[i].ends() > start })
	c := cut{first: v.slots[first].MSN}
	switch {
	case s.open:
		return c, nil
	case end > edge && !v.past(end):
		c.until = end
		return c, nil
	}
	last := v.lastBefore(end)
	if last < first {
		return cut{}, fmt.Errorf("%w: nothing was published from %s to %s", ErrOutside, stamp(start), stamp(end))
	}
	c.last = v.slots[last].MSN
	return c, nil
}

// burstTime is for how long after an outage encoders may still deliver what they kept.
const burstTime = 5 * time.Minute

// past reports whether media of this time is not to be expected any more, although nothing
// has been published since: encoders that are switched off send no end of the stream, and a
// stretch that ends soon after that would be waited for until the channel is on air again. Media
// comes as late after its time as the newest segment did, which has a time delay in it.
func (v *View) past(t failover.Ticks) bool {
	newest := v.slots[len(v.slots)-1]
	late := max(newest.Published.Sub(newest.ends().Time()), 0)
	return time.Since(t.Time()) > late+burstTime
}

func stamp(t failover.Ticks) string { return t.Time().Format(time.RFC3339) }

// lastBefore is the last slot that begins before end, -1 if there is none.
func (v *View) lastBefore(end failover.Ticks) int {
	return sort.Search(len(v.slots), func(i int) bool { return v.slots[i].begins() >= end }) - 1
}

func (v *View) startoverMedia(ctx context.Context, name string, c cut) (*Packed, error) {
	id, iframes := strings.CutSuffix(name, iframesSuffix)
	slots, err := v.stretch(&c)
	if err != nil {
		return nil, err
	}
	if !v.has(slots, playlist{id: id, iframes: iframes}) {
		return nil, fmt.Errorf("%w: there is no such playlist", ErrOutside)
	}
	closed := c.last != 0
	if !closed && v.stale() {
		return nil, fmt.Errorf("%w: %w", ErrOutside, ErrNoMore)
	}
	// Where a growing one will end makes no difference yet.
	key := cut{first: c.first, last: c.last}
	return v.startover.get(ctx, name+key.query(), v.number, closed, func(before *Packed) (*Packed, error) {
		kind := hls.Event
		if closed {
			kind = hls.VOD
		}
		return v.compose(playlist{id: id, iframes: iframes}, slots, kind, before)
	})
}

// stretch returns the slots of a cut, at least one. A cut whose end has been
// reached gets its last slot. Without its first slot there is nothing to return: a
// playlist of type EVENT never loses its head (RFC 8216 6.2.1).
func (v *View) stretch(c *cut) ([]*Slot, error) {
	if v.startover == nil || len(v.slots) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrOutside)
	}
	head, newest := v.slots[0].MSN, v.slots[len(v.slots)-1]
	if c.first < head || c.first > newest.MSN || c.last > newest.MSN {
		return nil, fmt.Errorf("%w: segments %d to %d are available", ErrOutside, head, newest.MSN)
	}
	if c.until != 0 && (c.until <= newest.ends() || v.past(c.until)) {
		last := v.lastBefore(c.until)
		if last < 0 || v.slots[last].MSN < c.first {
			return nil, fmt.Errorf("%w: it ends before it begins", ErrOutside)
		}
		c.last, c.until = v.slots[last].MSN, 0
	}
	slots := v.slots[c.first-head:]
	if c.last != 0 {
		slots = slots[:c.last-c.first+1]
	}
	return slots, nil
}

// growing are the lines of a media playlist that grows. Nothing may write into it.
var growing = []string{fromTheBeginning}

// compose makes the playlist of a stretch from blocks; a live one has no type. before is an earlier
// one of the same stretch, if there is any.
func (v *View) compose(p playlist, slots []*Slot, kind hls.PlaylistType, before *Packed) (*Packed, error) {
	l := v.lister(p)
	head, at, err := v.headBlock(l, slots, before)
	if err != nil {
		return nil, err
	}
	blocks, shared, features := []*block{head}, 0, head.features
	for rest := slots[blockEnd(slots):]; len(rest) > 0 && !at.ended; {
		n := blockEnd(rest)
		b, kept, err := v.shelf.block(l, rest[:n], at)
		if err != nil {
			return nil, err
		}
		if kept {
			shared += len(b.packed)
		}
		blocks, at, features, rest = append(blocks, b), b.exit, features.With(b.features), rest[n:]
	}
	first := firstListed(blocks)
	if first == nil {
		return nil, fmt.Errorf("%w: it has no I-frames", ErrOutside)
	}
	m := v.top(p, first)
	m.PlaylistType = kind
	if kind == hls.Event && !p.iframes {
		m.Tags = growing
	}
	top, err := hls.EncodeHead(m, features)
	if err != nil {
		return nil, err
	}
	closed, end := kind == hls.VOD, ""
	if closed || v.ended || at.ended {
		end = hls.EndList
	}
	return join(deflate(top, false), blocks, deflate([]byte(end), true), shared, v.maxAge(closed)), nil
}

// top is a playlist without its segments, of which the slot has the first one.
func (v *View) top(p playlist, first *Slot) *hls.MediaPlaylist {
	m := &hls.MediaPlaylist{
		MediaSequence: first.MSN, DiscontinuitySequence: first.discontinuitySequence(), TargetDuration: v.target,
	}
	if p.iframes {
		m.Tags, m.MediaSequence = iframesOnly, first.Rendition(p.id).IFrame
	}
	return m
}

// opening are the lines of a playlist before all others of its segments.
func (v *View) opening(p playlist, head *Slot) []string {
	if p.iframes {
		return nil
	}
	return runningAt(v.dated, head)
}

// headBlock is the block that the stretch begins with. Unlike others, it depends on where
// that is: EXT-X-MAP comes first, and date ranges that began earlier.
func (v *View) headBlock(l lister, slots []*Slot, before *Packed) (*block, standing, error) {
	opening := v.opening(l.playlist, slots[0])
	slots = slots[:blockEnd(slots)]
	if before != nil && before.head != nil && before.head.fits(l, slots, standing{}) && slices.Equal(before.head.opening, opening) {
		return before.head, before.head.exit, nil
	}
	b, err := l.render(slots, standing{}, opening)
	if err != nil {
		return nil, standing{}, err
	}
	return b, b.exit, nil
}

func firstListed(blocks []*block) *Slot {
	for _, b := range blocks {
		if b.head != nil {
			return b.head
		}
	}
	return nil
}

// maxAge is how long caches may keep a playlist: if it never changes, for as long as its
// segments are certain to be available.
func (v *View) maxAge(closed bool) time.Duration {
	if closed {
		return v.lasting
	}
	return halfTarget(v.target)
}
