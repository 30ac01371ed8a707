package channel

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// An encoder need not repeat in every segment of a transport stream what configures a
// decoder: with key frames every 5 s, four out of five 1 s segments have no parameter sets,
// and audio may pause. Such a segment has the configuration of its run, which is that of
// the newest segment of the same playlist that has one. It is held back until its playlist
// says which one that is; the core could not place it any sooner either.

// heldSegment is a segment that waits for the configuration of its run.
type heldSegment struct {
	key     string
	hash    string
	size    int64
	info    *media.Info
	arrived time.Time
}

// probedObjects is how many of an input's newest segments are remembered until their
// playlist comes.
const probedObjects = 64

// receivedWhole takes over a segment that needs no initialization section. The lock
// is held.
func (in *input) receivedWhole(name string, h heldSegment) {
	in.tell(oddMedia(name, h.info))
	if h.info.Complete() || in.gone { // nothing is held for an input that is gone
		in.arriveWhole(name, h)
		in.freeHeld()
		in.reannounce()
		return
	}
	if old, ok := in.held[name]; ok {
		in.objects.release(old.key)
	}
	if in.held == nil {
		in.held = map[string]heldSegment{}
	}
	in.held[name] = h
	in.freeHeld()
}

func (in *input) arriveWhole(name string, h heldSegment) {
	in.arriveKnown(failover.Object{Path: name, ID: h.key, Size: h.size, Hash: h.hash}, h.info, nil)
}

// arriveKnown passes on a segment of which all is known: what it holds, and its initialization
// section, nil for none.
func (in *input) arriveKnown(object failover.Object, info *media.Info, section *initSection) {
	config := in.remember(object.Path, info)
	if l := in.listingOf(object.Path); l != nil {
		l.learn(config)
	}
	in.objects.describe(object.ID, info, section)
	object.Input = in.name
	in.arriveGraded(object, info)
}

// freeHeld passes on the segments whose run is known, and those that have waited for two
// segment lengths: then nothing is known about it. The lock is held.
func (in *input) freeHeld() {
	if len(in.held) == 0 {
		return
	}
	patience := 2 * in.segmentLength()
	var free []string
	for name, h := range in.held {
		if l := in.listingOf(name); l != nil && (l.config != nil || l.bare) || time.Since(h.arrived) >= patience {
			free = append(free, name)
		}
	}
	slices.SortFunc(free, func(x, y string) int {
		return cmp.Or(in.held[x].arrived.Compare(in.held[y].arrived), cmp.Compare(x, y))
	})
	now := free[:in.channel.atOnce(len(free))]
	for _, name := range now {
		h, l := in.held[name], in.listingOf(name)
		switch {
		case l == nil:
		case l.config != nil:
			h.info.InheritConfig(l.config)
		default:
			l.bare = true // nothing to wait for, as long as there is nothing
		}
		delete(in.held, name)
		in.arriveWhole(name, h)
	}
	if n := len(now); n > 0 && n == len(free) {
		in.freeHeld() // what was learned may free others
	}
}

// remember keeps what configures the decoder of a segment for its playlist. Segments
// of one run share it.
func (all *listings) remember(name string, info *media.Info) *media.Info {
	if all.probed == nil {
		all.probed, all.configs = map[string]*media.Info{}, map[media.Signature]*media.Info{}
	}
	signature := info.Signature()
	config := all.configs[signature]
	if config == nil {
		if len(all.configs) >= probedObjects {
			clear(all.configs)
		}
		config = &media.Info{Format: info.Format, Untimed: info.Untimed, Tracks: slices.Clone(info.Tracks)}
		all.configs[signature] = config
	}
	if _, known := all.probed[name]; !known {
		all.probedOrder = append(all.probedOrder, name)
	}
	all.probed[name] = config
	if len(all.probedOrder) > probedObjects {
		delete(all.probed, all.probedOrder[0])
		all.probedOrder = slices.Delete(all.probedOrder, 0, 1)
	}
	return config
}

// learn records what a segment of the playlist holds.
func (l *listing) learn(info *media.Info) {
	config, known, kind := l.config, l.known, kindOf(info)
	was := l.kind
	if info.Complete() {
		l.config, l.bare = info, false
	}
	if !l.known || kind == failover.Variant {
		l.kind, l.known = kind, true
	}
	l.learned = l.learned || l.config != config || l.kind != was || !known
}

// learnListed records what had arrived before the playlist that lists it.
func (all *listings) learnListed(l *listing) {
	for _, path := range l.recent {
		if info := all.probed[path]; info != nil {
			l.learn(info)
		}
	}
}

// kindOf is what a rendition with such segments is for.
func kindOf(info *media.Info) failover.Kind {
	audio := false
	for _, t := range info.Tracks {
		switch t.Kind {
		case media.Video:
			return failover.Variant
		case media.Audio:
			audio = true
		}
	}
	if audio {
		return failover.Audio
	}
	return failover.Subtitles
}

// oddMedia is what is odd about a segment that is accepted.
func oddMedia(name string, info *media.Info) oddities {
	odd := oddities{} // said once for the input: its segments have a new name each
	for _, t := range info.Tracks {
		if t.Samples == 0 && info.Format == media.FormatTS && (t.Kind == media.Audio || t.Kind == media.Video) {
			odd.add(NoticeTrack, 0, string(t.Kind)+fmt.Sprint(t.ID), fmt.Sprintf("%s 0x%x is announced (PMT) and has no samples: it counts as absent", t.Kind, t.ID))
		}
	}
	for _, text := range info.Oddities {
		odd.add(NoticeMedia, 0, "", text)
	}
	for i := range odd.list {
		odd.list[i].Path = name
	}
	return odd
}
