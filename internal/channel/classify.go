package channel

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// A multivariant playlist may name only part of what an encoder sends: it was written
// before the last output was added, it names nothing but the audio, or its variants are
// those of the other encoder of a pair. What comes in addition is announced to the core all
// the same, as what it turns out to be. Without any multivariant playlist the core knows
// the renditions by their playlists, and their kind by failover.Media.Kind.

// announces takes over the renditions of a multivariant playlist.
func (in *input) announces(fact failover.Multivariant) {
	in.master, in.told = fact.Renditions, fact.Renditions
	in.announced = pathsOf(fact.Renditions)
}

func pathsOf(renditions []failover.Announced) []string {
	paths := make([]string, len(renditions))
	for i, a := range renditions {
		paths[i] = a.Path
	}
	return paths
}

// reannounce tells the core what the input delivers in addition to what its multivariant
// playlist names, if that has changed. The lock is held.
func (in *input) reannounce() {
	if in.master == nil {
		return
	}
	list := in.delivers(time.Now())
	if slices.Equal(list, in.told) {
		return
	}
	in.told = list
	in.channel.step(failover.Multivariant{Input: in.name, Renditions: list})
}

// delivers lists what the multivariant playlist names, with the kind that it was found to
// be, and then what comes in addition, for as long as it does: what a multivariant playlist no longer
// names does once it lists more.
func (in *input) delivers(now time.Time) []failover.Announced {
	list := slices.Clone(in.master)
	video := false
	for path, l := range in.lists {
		video = video || l.known && l.kind == failover.Variant && slices.Contains(in.announced, path)
	}
	for i, a := range list {
		// Audio that is offered as a variant of its own is one, but it does not lead where
		// there is video.
		if l := in.lists[a.Path]; l != nil && l.known && a.Kind == failover.Variant && video {
			list[i].Kind = l.kind
		}
	}
	silent := silentSegments * in.segmentLength()
	var beside []string
	for path, l := range in.lists {
		if l.known && l.fresh.After(l.unnamed) && now.Sub(l.fresh) < max(silent, 2*l.length) && !slices.Contains(in.announced, path) {
			beside = append(beside, path)
		}
	}
	slices.Sort(beside)
	for _, path := range beside {
		list = append(list, failover.Announced{Path: path, Kind: in.lists[path].kind})
	}
	return list
}

// silentSegments is how many of the input's segments a rendition may go without listing
// anything new before it is forgotten.
const silentSegments = 10
