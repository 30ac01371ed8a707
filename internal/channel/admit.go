package channel

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// Here the core learns what an upload turned out to be. Channel.mu is held, once per
// upload.

// list passes a media playlist to the core, and then to the binder: the core has to expect
// a segment before it is bound.
func (d *delivery) list(fact failover.Playlist, m *hls.MediaPlaylist, maps *mapping, odd *oddities) error {
	if err := d.input.ids.claim(fact.Path); err != nil {
		return err
	}
	d.input.listed(&fact, m, d.input.config.Load().MaxRenditions, odd)
	l := d.input.lists[d.path]
	l.noInit = maps.fault
	if n := len(fact.Segments); n > 0 {
		maps.last = fact.Segments[n-1].Number // it may have been given another one
		l.first, l.init = fact.Segments[0].Number, maps.inits[fact.Segments[n-1].Path]
	}
	d.input.paced(d.path, l.length)
	d.input.tell(*odd)
	d.input.channel.list(fact)
	if d.input.binder.list(d.path, maps) {
		d.input.freeInits()
		d.input.bindWaiting()
	}
	d.input.freeHeld()
	d.input.dropReplaced()
	d.input.reannounce()
	d.input.noticeCodecs()
	return nil
}

// announce passes a multivariant playlist to the core, and notes it.
func (d *delivery) announce(fact failover.Multivariant, m *hls.MultivariantPlaylist, text []byte) error {
	if err := d.input.ids.claim(pathsOf(fact.Renditions)...); err != nil {
		return err
	}
	// What every slot from now on looks at is picked once.
	m.Tags = output.PassedOn(m.Tags)
	d.input.takeAnnouncement(&announcement{path: d.path, playlist: m, renditions: fact.Renditions, since: time.Now()})
	beside := d.input.beside(d.path)
	if len(beside) > 0 {
		others := strings.Join(beside, ", ")
		odd := oddities{path: d.path}
		odd.add(NoticeMultivariants, 0, others, fmt.Sprintf("it announces other renditions than %s: all of them are in force, as long as what they announce comes", others))
		d.input.tell(odd)
	}
	d.input.announceAll()
	d.input.reannounce()
	d.input.outbox.trouble(d.input.standing.say(standingEntry{Multivariant: &standingMultivariant{Input: fact.Input, Path: d.path, Text: text, Beside: beside}}))
	return nil
}

// freeInits releases what no playlist has named for a while. A playlist that lists nothing
// new, while others do, says nothing any more about what comes: what is still being sent is
// back at once.
func (in *input) freeInits() {
	silent := in.silent()
	for path := range in.binder.playlists {
		switch l := in.lists[path]; {
		case l == nil:
			in.binder.unlist(path)
		case silent(l):
			in.binder.silence(path)
		}
	}
	for path, section := range in.binder.unnamed(time.Now()) {
		in.dropInit(path, section)
	}
}

// dropInit releases an initialization section that is no longer in force.
func (in *input) dropInit(path string, section *initSection) {
	in.objects.release(section.part.Key)
	in.noteSection(path, false)
	in.outbox.trouble(in.standing.say(standingEntry{Init: &standingInit{Input: in.name, Path: path}}))
}

// mapsOf says which object of a playlist needs which initialization section. The fact is what
// was made of the playlist, with the numbers that are in it.
func mapsOf(config *InputConfig, name string, m *hls.MediaPlaylist, fact *failover.Playlist, odd *oddities) *mapping {
	maps := &mapping{}
	var current *hls.Map
	path, fault := "", noMap
	for i, listed := 0, fact.Segments; i < len(m.Segments) && len(listed) > 0; i++ {
		if m.MediaSequence+uint64(i) != listed[0].Number {
			continue // it was left out
		}
		object, s := listed[0].Path, &m.Segments[i]
		listed = listed[1:]
		if s.Map != current { // those that share one share the pointer
			current, path, fault = s.Map, "", noMap
			if current != nil {
				path, fault = mapOf(config, name, s, odd)
			}
		}
		if path == "" {
			maps.fault = fault
			continue
		}
		if maps.inits == nil {
			maps.inits = make(map[string]string, len(listed)+1)
		}
		maps.inits[object] = path
		if path != object && !slices.Contains(maps.named, path) && len(maps.named) < maxInits {
			maps.named = append(maps.named, path)
		}
	}
	return maps
}

// noMap is why fragments that a playlist lists can't be used.
const noMap = "it has no EXT-X-MAP for them"

// mapOf is the path of a segment's initialization section, or why there is none.
func mapOf(config *InputConfig, name string, s *hls.Segment, odd *oddities) (path, fault string) {
	path, err := hls.ResolveURI(config.BasePath, name, s.Map.URI)
	if err == nil {
		return path, ""
	}
	fault = fmt.Sprintf("EXT-X-MAP: %v", err)
	odd.add(NoticeKind(hls.NoteEntry), s.Line, "EXT-X-MAP", fault+": the segments that it applies to have no initialization section")
	return "", fault
}

// receive takes over a sound object that is in the store.
func (d *delivery) receive(probed media.Probed) {
	if probed.Info != nil {
		d.input.sayTables(d.path, probed.Info)
		defer d.input.keepUnlisted(d.path, d.key, d.size)
		d.input.receivedWhole(d.path, heldSegment{d.key, d.hash, d.size, probed.Info, time.Now()})
		return
	}
	switch {
	case probed.Fragments == nil && probed.Init != nil:
		d.input.sayInit(d.path, d.receiveInit(newInitSection(probed.Init, d.key, time.Now())))
	case probed.Init != nil:
		d.receiveWhole(probed.Init, probed.Fragments)
	case probed.Fragments != nil:
		d.receiveFragment(probed.Fragments)
	}
}

// receiveInit puts an initialization section in force.
func (d *delivery) receiveInit(section *initSection) *initSection {
	b := &d.input.binder
	if old := b.replaceInit(d.path, section); old != nil {
		d.input.objects.release(old.part.Key)
	}
	d.input.noteSection(d.path, true)
	if path, old := b.surplus(); old != nil {
		d.input.dropInit(path, old)
	}
	return section
}

// receiveWhole takes over fragments that bring their own initialization section.
func (d *delivery) receiveWhole(init *media.Init, fragments *media.Fragments) {
	b := &d.input.binder
	if old := b.waiting[d.path]; old != nil {
		delete(b.waiting, d.path)
		d.input.dropFragment(old.key)
	}
	section := newInitSection(init, d.key, time.Now())
	section.whole = true
	d.input.objects.use(d.key) // one user for the section, one for the media
	d.receiveInit(section)
	d.input.bind(bound{d.path, &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments}, d.path, section})
}

// receiveFragment takes over a fragment, which may have to wait.
func (d *delivery) receiveFragment(fragments *media.Fragments) {
	b := &d.input.binder
	f := &fragment{key: d.key, size: d.size, hash: d.hash, fragments: fragments, arrived: time.Now()}
	if old := b.wait(d.path, f); old != nil {
		d.input.dropFragment(old.key)
	}
	defer d.input.keepUnlisted(d.path, d.key, d.size)
	d.input.bindWaiting()
	if b.waiting[d.path] == f {
		d.input.outbox.trouble(d.input.arrivals.noteFragment(d.config.Name, d.path, f))
	}
}

// bindWaiting tells the core of the fragments that are ready, and drops those that have
// waited too long.
func (in *input) bindWaiting() {
	now := time.Now()
	for _, f := range in.binder.expire(now, in.channel.atOnce) {
		in.dropFragment(f.key)
	}
	for _, b := range in.binder.ready(now, 2*in.segmentLength(), in.arrives, in.channel.atOnce) {
		in.bind(b)
	}
}

// bind tells the core of a fragment, now that it can be interpreted.
func (in *input) bind(b bound) {
	info, err := b.fragment.fragments.Resolve(b.section.init)
	if err != nil {
		in.dropFragment(b.fragment.key)
		in.channel.step(failover.Object{Input: in.name, Path: b.path, Fault: failover.Reason(faultReason(err))})
		return
	}
	in.arriveKnown(failover.Object{Path: b.path, ID: b.fragment.key, Size: b.fragment.size, Hash: b.fragment.hash}, info, b.section)
}

// unbind releases what would wait forever once the input is gone.
func (in *input) unbind() {
	for _, f := range in.binder.waiting {
		in.dropFragment(f.key)
	}
	for _, s := range in.binder.inits {
		in.objects.release(s.part.Key)
	}
	in.binder = newBinder()
	for name := range in.held {
		in.objects.release(in.held[name].key)
	}
	in.held = nil
	in.gone = true
}
