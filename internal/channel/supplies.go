package channel

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// Slots may need small objects that no encoder sent: text without cues, and the tables of a transport stream
// that brings none. They are stored with the upload that shows that they may be needed, when the channel's lock
// is not held.

// supplies are such objects, by their content. Many slots share one.
type supplies struct {
	// storing has something in it as long as somebody stores one.
	storing chan struct{}

	mu    sync.Mutex
	byKey map[string]string // content by key
}

// suppliesAtMost is how many there are: a channel has one text without cues, and tables for each rendition.
const suppliesAtMost = 256

func newSupplies() supplies {
	return supplies{storing: make(chan struct{}, 1), byKey: map[string]string{}}
}

// supplyFor stores what slots with a segment may need. Where that fails, it is tried again by whoever needs it.
func (o *objects) supplyFor(info *media.Info) {
	switch {
	case info == nil:
	case info.Text != nil:
		o.supply("silent", []byte(media.NoCues))
	case len(info.Tables) > 0:
		o.supply("tables", info.Tables)
	}
}

// supplyWindow does so for what an endpoint served before a restart.
func (o *objects) supplyWindow(slots []*output.Slot) {
	if len(slots) == 0 {
		return
	}
	for _, r := range slots[len(slots)-1].Renditions {
		if r.Format != nil && r.Format.Extension == ".vtt" {
			o.supply("silent", []byte(media.NoCues))
		}
	}
}

func (o *objects) supply(of string, content []byte) {
	if ob, err := o.supplied(of, content); err == nil && o.unuse(ob.key) {
		o.delete(ob.key)
	}
}

// supplied is an object of these bytes, with one more user. of is the part of its key that says what it is.
func (o *objects) supplied(of string, content []byte) (*object, error) {
	if ob := o.supplies.find(o, content); ob != nil {
		return ob, nil
	}
	o.supplies.storing <- struct{}{}
	defer func() { <-o.supplies.storing }()
	if ob := o.supplies.find(o, content); ob != nil {
		return ob, nil
	}
	ob, err := o.write(context.Background(), of, int64(len(content)), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	o.use(ob.key) // the use that it was written with is kept
	for _, key := range o.supplies.keep(ob.key, content) {
		if o.unuse(key) {
			o.delete(key)
		}
	}
	return ob, nil
}

// find is the object of these bytes, with one more user; nil if there is none.
func (s *supplies) find(o *objects, content []byte) *object {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, stored := range s.byKey {
		if stored == string(content) {
			return o.use(key)
		}
	}
	return nil
}

// keep notes an object, and returns those that are not kept any longer.
func (s *supplies) keep(key string, content []byte) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byKey) >= suppliesAtMost {
		gone = slices.Collect(maps.Keys(s.byKey)) // what is still needed comes back at once
		clear(s.byKey)
	}
	s.byKey[key] = string(content)
	return gone
}
