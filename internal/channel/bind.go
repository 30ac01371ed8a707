package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// binder finds the initialization section of an input's fragments. A fragment
// means nothing without it, and which one is in force is said by EXT-X-MAP of the
// playlist that lists the fragment; playlist, fragment and initialization section
// arrive in any order. All of it is guarded by Channel.mu.
type binder struct {
	// inits are the initialization sections by path, the newest of each.
	inits map[string]*initSection
	// arriving counts uploads under way, by path. An initialization section that
	// is being sent anew (ffmpeg opens the request when it starts, and sends the
	// body with the first segment) is waited for.
	arriving map[string]int
	// maps says for each playlist which object needs the initialization section
	// at which path.
	maps map[string]map[string]string
	// waiting are fragments that are not bound yet, by path.
	waiting map[string]*fragment
}

// initSection is an initialization section in the store.
type initSection struct {
	init    *media.Init
	part    part
	arrived time.Time
}

// fragment is a media object of fragmented MP4.
type fragment struct {
	key       string
	size      int64
	fragments *media.Fragments
	arrived   time.Time
}

func newInitSection(init *media.Init, key string, arrived time.Time) *initSection {
	r := init.Range
	return &initSection{init: init, part: part{Key: key, Offset: r.Start, Size: r.End - r.Start}, arrived: arrived}
}

func newBinder() binder {
	return binder{
		inits: map[string]*initSection{}, arriving: map[string]int{},
		maps: map[string]map[string]string{}, waiting: map[string]*fragment{},
	}
}

// fragmentAge is how long a fragment waits for its playlist and its
// initialization section. It is what the core allows an object without a playlist.
const fragmentAge = 2 * time.Minute

// begin notes that an upload to the path has begun.
func (c *Channel) begin(in *input, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in.binder.arriving[name]++
}

// done notes that it has ended, one way or the other.
func (c *Channel) done(in *input, input, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.binder.arriving[name]--; in.binder.arriving[name] == 0 {
		delete(in.binder.arriving, name)
	}
	if !c.closed {
		c.bindWaiting(in, input)
	}
}

// received takes over a sound object that is in the store.
func (c *Channel) received(in *input, input, name string, key string, size int64, probed media.Probed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.objects.release(key)
		return ErrClosed
	}
	b := &in.binder
	if probed.Info != nil {
		c.objects.describe(key, probed.Info, nil)
		defer c.keepUnlisted(in, input, name, key, size)
		c.arrive(failover.Object{Input: input, Path: name, ID: key, Size: size, Media: coreMedia(probed.Info)})
		return nil
	}
	if probed.Init != nil {
		if old := b.inits[name]; old != nil {
			c.objects.release(old.part.Key)
		}
		b.inits[name] = newInitSection(probed.Init, key, time.Now())
		c.boundInits(b, input)
		if probed.Fragments == nil {
			c.say(standingEntry{Init: &standingInit{Input: input, Path: name, Key: key}})
		}
	}
	if probed.Fragments == nil {
		c.bindWaiting(in, input)
		return nil
	}
	if old := b.waiting[name]; old != nil {
		c.dropFragment(old.key)
	}
	f := &fragment{key: key, size: size, fragments: probed.Fragments, arrived: time.Now()}
	if probed.Init != nil {
		// It brings its own initialization section: one user for that, one for
		// the media.
		c.objects.use(key)
		c.bind(input, name, f, b.inits[name])
		return nil
	}
	b.waiting[name] = f
	defer c.keepUnlisted(in, input, name, key, size)
	c.bindWaiting(in, input)
	if b.waiting[name] == f {
		c.noteFragment(input, name, f)
	}
	return nil
}

// listMaps takes note of what a playlist says about initialization sections.
func (c *Channel) listMaps(in *input, input string, base InputConfig, playlist string, m *hls.MediaPlaylist) {
	maps := map[string]string{}
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Map == nil {
			continue
		}
		object, err := hls.ResolveURI(base.BasePath, playlist, s.URI)
		if err != nil {
			continue
		}
		if init, err := hls.ResolveURI(base.BasePath, playlist, s.Map.URI); err == nil {
			maps[object] = init
		}
	}
	if len(maps) == 0 {
		delete(in.binder.maps, playlist)
		return
	}
	in.binder.maps[playlist] = maps
	c.forgetInits(&in.binder, input)
	c.bindWaiting(in, input)
}

// bindWaiting binds the fragments whose initialization section is known, and
// drops those that waited for too long.
func (c *Channel) bindWaiting(in *input, input string) {
	b := &in.binder
	for name, f := range b.waiting {
		if time.Since(f.arrived) > fragmentAge {
			delete(b.waiting, name)
			c.dropFragment(f.key)
			continue
		}
		if init := b.initOf(name); init != nil {
			delete(b.waiting, name)
			c.bind(input, name, f, init)
		}
	}
}

// forgetInits drops initialization sections that no playlist names any more.
func (c *Channel) forgetInits(b *binder, input string) {
	named := map[string]bool{}
	for _, maps := range b.maps {
		for _, path := range maps {
			named[path] = true
		}
	}
	for path, s := range b.inits {
		if !named[path] && time.Since(s.arrived) > fragmentAge {
			delete(b.inits, path)
			c.objects.release(s.part.Key)
			c.say(standingEntry{Init: &standingInit{Input: input, Path: path}})
		}
	}
}

// initOf is the initialization section in force for an object; nil if it is not
// known, or about to be replaced.
func (b *binder) initOf(object string) *initSection {
	for _, maps := range b.maps {
		if path, ok := maps[object]; ok && b.arriving[path] == 0 {
			return b.inits[path]
		}
	}
	return nil
}

// bind tells the core of a fragment, now that it means something.
func (c *Channel) bind(input, name string, f *fragment, section *initSection) {
	info, err := f.fragments.Resolve(section.init)
	if err != nil {
		c.dropFragment(f.key)
		c.step(failover.Object{Input: input, Path: name, Fault: string(faultReason(err))})
		return
	}
	c.objects.describe(f.key, info, section)
	c.arrive(failover.Object{Input: input, Path: name, ID: f.key, Size: f.size, Media: coreMedia(info)})
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
