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
func (c *Channel) finish(d *delivery, admit func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.input.end(d.path)
	if c.closed {
		if d.key != "" {
			c.objects.release(d.key)
		}
		return ErrClosed
	}
	if admit != nil {
		admit()
	}
	c.bindWaiting(d.input)
	return nil
}

// list lets a media playlist into the core, and then into the binder: the core
// has to expect a segment before it is bound.
func (c *Channel) list(d *delivery, fact failover.Playlist, m *hls.MediaPlaylist) {
	c.trouble(c.arrivals.noteListing(c.now(), fact))
	c.step(fact)
	maps := mapsOf(d, m)
	d.input.binder.list(d.path, maps)
	if len(maps) == 0 {
		return
	}
	for path, section := range d.input.binder.unnamed(time.Now()) {
		c.objects.release(section.part.Key)
		c.trouble(c.standing.say(standingEntry{Init: &standingInit{Input: fact.Input, Path: path}}))
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
		c.objects.describe(d.key, probed.Info, nil)
		c.arrive(failover.Object{Input: d.config.Name, Path: d.path, ID: d.key, Size: d.size, Hash: d.hash, Media: coreMedia(probed.Info)})
		return
	}
	b := &d.input.binder
	if probed.Init != nil {
		if old := b.replaceInit(d.path, newInitSection(probed.Init, d.key, time.Now())); old != nil {
			c.objects.release(old.part.Key)
		}
	}
	switch {
	case probed.Fragments == nil:
		if probed.Init != nil {
			c.trouble(c.standing.say(standingEntry{Init: &standingInit{Input: d.config.Name, Path: d.path, Key: d.key}}))
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
	c.bind(d.config.Name, bound{d.path, &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments}, b.inits[d.path]})
}

// receiveFragment takes over a fragment, which may have to wait.
func (c *Channel) receiveFragment(d *delivery, fragments *media.Fragments) {
	b := &d.input.binder
	f := &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments, arrived: time.Now()}
	if old := b.wait(d.path, f); old != nil {
		c.dropFragment(old.key)
	}
	c.bindWaiting(d.input)
	if b.waiting[d.path] == f {
		c.trouble(c.arrivals.noteFragment(d.config.Name, d.path, f))
	}
}

// bindWaiting tells the core of the fragments that are ready, and drops those that
// waited for too long.
func (c *Channel) bindWaiting(in *input) {
	ready, expired := in.binder.ready(time.Now(), in.isArriving)
	for _, f := range expired {
		c.dropFragment(f.key)
	}
	for _, b := range ready {
		c.bind(in.config.Load().Name, b)
	}
}

// bind tells the core of a fragment, now that it means something.
func (c *Channel) bind(input string, b bound) {
	info, err := b.fragment.fragments.Resolve(b.section.init)
	if err != nil {
		c.dropFragment(b.fragment.key)
		c.step(failover.Object{Input: input, Path: b.path, Fault: failover.Reason(faultReason(err))})
		return
	}
	c.objects.describe(b.fragment.key, info, b.section)
	c.arrive(failover.Object{Input: input, Path: b.path, ID: b.fragment.key, Size: b.fragment.size, Hash: b.fragment.hash, Media: coreMedia(info)})
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
}
