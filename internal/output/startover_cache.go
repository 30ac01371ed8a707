package output

import (
	"container/list"
	"errors"
	"sync"
)

// startoverCache keeps the startover playlists of an endpoint that were asked for
// last. Live playlists are rendered once per slot; of these there are as many as
// viewers have ideas, so they are rendered when one is asked for, and then served
// to all.
type startoverCache struct {
	mu      sync.Mutex
	byKey   map[string]*list.Element // of *rendering
	recent  list.List                // the one used last at the front
	bytes   int
	maximum int

	// turn lets one playlist be rendered at a time: a day of slots keeps a
	// processor busy for a while, and the live channel needs one as well.
	turn sync.Mutex
}

// rendering is one playlist, rendered or being rendered.
type rendering struct {
	key string
	// number is that of the view it is made from; final says that later views
	// would give the same.
	number uint64
	final  bool

	once sync.Once
	text *Text
	err  error
	size int // guarded by startoverCache.mu
}

// maxStartoverBytes is what an endpoint's startover playlists may take. A day of
// 2 s slots is some 8 MB a rendition.
const maxStartoverBytes = 64 << 20

// renderingOverhead is what a playlist takes besides its text.
const renderingOverhead = 1 << 10

func newStartoverCache() *startoverCache {
	return &startoverCache{byKey: map[string]*list.Element{}, maximum: maxStartoverBytes}
}

// get returns the playlist of this key, as of a view of at least this number.
// Requests that come while it is rendered wait for it.
func (c *startoverCache) get(key string, number uint64, final bool, render func() (*Text, error)) (*Text, error) {
	r := c.rendering(key, number, final)
	r.once.Do(func() {
		c.turn.Lock()
		defer c.turn.Unlock()
		defer func() { c.enter(r) }()
		r.err = errors.New("rendering broke off") // unless it comes back
		r.text, r.err = render()
	})
	return r.text, r.err
}

// rendering finds the entry, or makes one.
func (c *startoverCache) rendering(key string, number uint64, final bool) *rendering {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.byKey[key]; at != nil {
		r := at.Value.(*rendering)
		if r.final || r.number >= number {
			c.recent.MoveToFront(at)
			return r
		}
		c.remove(at)
	}
	r := &rendering{key: key, number: number, final: final}
	c.byKey[key] = c.recent.PushFront(r)
	return r
}

// enter counts what was rendered, and makes room for it.
func (c *startoverCache) enter(r *rendering) {
	size := renderingOverhead
	if r.err == nil {
		size += len(r.text.Body) + len(r.text.Gzip())
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
	r.size = size
	c.bytes += r.size
	for c.bytes > c.maximum && c.recent.Len() > 1 {
		c.remove(c.recent.Back())
	}
}

func (c *startoverCache) remove(at *list.Element) {
	r := c.recent.Remove(at).(*rendering)
	delete(c.byKey, r.key)
	c.bytes -= r.size
}
