package output

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// requested keeps playlists of an endpoint that are rendered when they are asked for, and then
// served to all: those of the past, of which there are as many as viewers can think of, and, apart
// from them, live ones that are too long to be rendered with each slot. It keeps those that were
// asked for most recently.
type requested struct {
	mu      sync.Mutex
	byKey   map[string]*list.Element // of *rendering
	recent  list.List                // the one used last at the front
	bytes   int
	maximum int

	// turn allows one playlist to be rendered at a time: a day of slots keeps a processor
	// busy for a while, and the live channel needs one as well. It holds one token, that of
	// whoever renders; waiting is how many renderings want it.
	turn    chan struct{}
	waiting int
	most    int // that may want it
	// unpacking is the same for those who want plain text.
	unpacking chan struct{}
}

// ErrBusy: too many startover playlists that have not been rendered yet are being asked for
// (HTTP 503). Live ones never are too many.
var ErrBusy = errors.New("too many startover playlists are being made; try again in a moment")

// maxRenderings is how many startover playlists of an endpoint may wait to be rendered.
const maxRenderings = 32

// rendering is one playlist, rendered or being rendered.
type rendering struct {
	key string
	// number is that of the view it is made from; final says that later views would give
	// the same result.
	number uint64
	final  bool

	before *Packed       // an earlier one of this key, until it is rendered
	done   chan struct{} // closed when what follows is there
	text   *Packed
	err    error
	// size and waiting, how many requests wait for it, are guarded by
	// requested.mu.
	size, waiting int
}

// maxRequestedBytes is how much these playlists, which are compressed, may take besides the
// blocks that they share.
const maxRequestedBytes = 64 << 20

// renderingOverhead is what a playlist takes in addition to its text.
const renderingOverhead = 1 << 10

func newRequested(most int) *requested {
	return &requested{
		byKey: map[string]*list.Element{}, maximum: maxRequestedBytes,
		turn: make(chan struct{}, 1), unpacking: make(chan struct{}, 1), most: most,
	}
}

// get returns the playlist of this key, as of a view of at least this number.
// Requests that come while it is rendered wait for it; nothing is rendered for one that
// leaves before its turn. Errors: ErrBusy, those of the context and those of rendering.
func (c *requested) get(ctx context.Context, key string, number uint64, final bool, render func(before *Packed) (*Packed, error)) (*Packed, error) {
	r := c.rendering(key, number, final)
	select {
	case <-r.done:
		return r.text, r.err
	default:
	}
	if !c.queue(r) {
		return nil, ErrBusy
	}
	defer c.unqueue(r)
	select {
	case <-r.done:
		return r.text, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case c.turn <- struct{}{}:
	}
	defer func() { <-c.turn }()
	select {
	case <-r.done: // by the one whose turn it was before
		return r.text, r.err
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer close(r.done)
	defer func() { c.enter(r) }()
	r.err = errors.New("rendering broke off") // unless render returns
	before := r.before
	r.before = nil
	if r.text, r.err = render(before); r.text != nil {
		r.text.unpacking = c.unpacking
	}
	return r.text, r.err
}

func (c *requested) queue(r *rendering) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.waiting == 0 {
		if c.waiting >= c.most {
			return false
		}
		c.waiting++
	}
	r.waiting++
	return true
}

func (c *requested) unqueue(r *rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		c.waiting--
	}
}

// rendering finds the entry, or makes one.
func (c *requested) rendering(key string, number uint64, final bool) *rendering {
	c.mu.Lock()
	defer c.mu.Unlock()
	var before *Packed
	if at := c.byKey[key]; at != nil {
		r := at.Value.(*rendering)
		if r.final || r.number >= number {
			c.recent.MoveToFront(at)
			return r
		}
		before = r.made()
		c.remove(at)
	}
	r := &rendering{key: key, number: number, final: final, before: before, done: make(chan struct{})}
	c.byKey[key] = c.recent.PushFront(r)
	r.size = renderingOverhead // also if it is never rendered
	if before != nil {
		r.size += before.Held
	}
	c.bytes += r.size
	c.shrink()
	return r
}

// made is the playlist, nil if it has not been rendered yet, or can't be.
func (r *rendering) made() *Packed {
	select {
	case <-r.done:
		return r.text
	default:
		return nil
	}
}

// enter counts what was rendered, and makes room for it.
func (c *requested) enter(r *rendering) {
	size := renderingOverhead
	if r.err == nil {
		size += r.text.Held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byKey[r.key]
	if at == nil || at.Value != r {
		return // it has been replaced in the meantime
	}
	if r.err != nil {
		c.remove(at)
		return
	}
	c.bytes += size - r.size
	r.size = size
	c.shrink()
}

// shrink drops what was asked for longest ago.
func (c *requested) shrink() {
	for c.bytes > c.maximum && c.recent.Len() > 1 {
		c.remove(c.recent.Back())
	}
}

func (c *requested) remove(at *list.Element) {
	r := c.recent.Remove(at).(*rendering)
	delete(c.byKey, r.key)
	c.bytes -= r.size
}
