package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// What an upload turned out to be reaches the core here. The channel's lock is held, once
// per upload.

// finish ends an upload. admit says what it has brought, nil for nothing.
func (c *Channel) finish(d *delivery, admit func() error) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.input.end(d.path, d.began)
	if c.closed {
		if d.key != "" {
			c.objects.release(d.key)
		}
		return ErrClosed
	}
	if admit != nil {
		err = admit()
	}
	c.bindWaiting(d.input)
	c.freeHeld(d.input, d.config.Name)
	c.checkWaits(d.input, d.config.Name)
	return err
}

// list lets a media playlist into the core, and then into the binder: the core
// has to expect a segment before it is bound.
func (c *Channel) list(d *delivery, fact failover.Playlist, m *hls.MediaPlaylist, odd *oddities) error {
	if err := c.claimIDs(fact.Path); err != nil {
		return err
	}
	d.input.listed(&fact, m, odd)
	c.tell(d.input, fact.Input, *odd)
	c.trouble(c.arrivals.noteListing(c.now(), fact))
	c.step(fact)
	if maps := mapsOf(d, m); d.input.binder.list(d.path, maps) {
		c.freeInits(d.input, fact.Input)
		c.bindWaiting(d.input)
	}
	c.freeHeld(d.input, fact.Input)
	c.reannounce(d.input, fact.Input)
	return nil
}

// freeInits gives back what no playlist has named for a while.
func (c *Channel) freeInits(in *input, input string) {
	for path := range in.binder.maps {
		if in.lists[path] == nil {
			delete(in.binder.maps, path) // what is still sent comes back at once
		}
	}
	for path, section := range in.binder.unnamed(time.Now()) {
		c.objects.release(section.part.Key)
		c.trouble(c.standing.say(standingEntry{Init: &standingInit{Input: input, Path: path}}))
	}
}

// mapsOf says which object of a playlist needs the initialization section at which path.
func mapsOf(d *delivery, m *hls.MediaPlaylist) map[string]string {
	maps := map[string]string{}
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Map == nil {
			continue
		}
		object, err := hls.ResolveURI(d.config.BasePath, d.path, s.URI)
		if err != nil {
			continue
		}
		if init, err := hls.ResolveURI(d.config.BasePath, d.path, s.Map.URI); err == nil {
			maps[object] = init
		}
	}
	return maps
}

// receive takes over a sound object that is in the store.
func (c *Channel) receive(d *delivery, probed media.Probed) {
	if probed.Info != nil {
		c.sayTables(d.config.Name, d.path, probed.Info)
		defer c.keepUnlisted(d.input, d.config.Name, d.path, d.key, d.size)
		c.receivedWhole(d.input, d.config.Name, d.path, heldSegment{d.key, d.hash, d.size, probed.Info, time.Now()})
		return
	}
	b := &d.input.binder
	if probed.Init != nil {
		if old := b.replaceInit(d.path, newInitSection(probed.Init, d.key, time.Now())); old != nil {
			c.objects.release(old.part.Key)
		}
		c.boundInits(b, d.config.Name)
	}
	switch {
	case probed.Fragments == nil:
		if probed.Init != nil {
			c.sayInit(d.config.Name, d.path, b.inits[d.path])
		}
	case probed.Init != nil:
		c.receiveWhole(d, probed.Fragments)
	default:
		c.receiveFragment(d, probed.Fragments)
	}
}

// receiveWhole takes over fragments that bring their own initialization section.
func (c *Channel) receiveWhole(d *delivery, fragments *media.Fragments) {
	b := &d.input.binder
	if old := b.waiting[d.path]; old != nil {
		delete(b.waiting, d.path)
		c.dropFragment(old.key)
	}
	c.objects.use(d.key) // one user for the section, one for the media
	c.bind(d.input, d.config.Name, bound{d.path, &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments}, b.inits[d.path]})
}

// receiveFragment takes over a fragment, which may have to wait.
func (c *Channel) receiveFragment(d *delivery, fragments *media.Fragments) {
	b := &d.input.binder
	f := &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments, arrived: time.Now()}
	if old := b.wait(d.path, f); old != nil {
		c.dropFragment(old.key)
	}
	defer c.keepUnlisted(d.input, d.config.Name, d.path, d.key, d.size)
	c.bindWaiting(d.input)
	if b.waiting[d.path] == f {
		c.trouble(c.arrivals.noteFragment(d.config.Name, d.path, f))
	}
}

// bindWaiting tells the core of the fragments that are ready, and drops those that
// waited for too long.
func (c *Channel) bindWaiting(in *input) {
	ready, expired := in.binder.ready(time.Now(), 2*in.segmentLength(), in.arrives)
	for _, f := range expired {
		c.dropFragment(f.key)
	}
	for _, b := range ready {
		c.bind(in, in.config.Load().Name, b)
	}
}

// bind tells the core of a fragment, now that it means something.
func (c *Channel) bind(in *input, input string, b bound) {
	info, err := b.fragment.fragments.Resolve(b.section.init)
	if err != nil {
		c.dropFragment(b.fragment.key)
		c.step(failover.Object{Input: input, Path: b.path, Fault: failover.Reason(faultReason(err))})
		return
	}
	config := in.remember(b.path, info)
	if l := in.listingOf(b.path); l != nil {
		l.learn(config)
	}
	c.objects.describe(b.fragment.key, info, b.section)
	m := gradedMedia(info, in.grade(b.path, info))
	c.arrive(failover.Object{Input: input, Path: b.path, ID: b.fragment.key, Size: b.fragment.size, Hash: b.fragment.hash, Media: m})
}

// unbind gives back what waits for ever once the input is gone.
func (c *Channel) unbind(in *input) {
	for _, f := range in.binder.waiting {
		c.dropFragment(f.key)
	}
	for _, s := range in.binder.inits {
		c.objects.release(s.part.Key)
	}
	in.binder = newBinder()
	for name := range in.held {
		c.objects.release(in.held[name].key)
	}
	in.held = nil
}
