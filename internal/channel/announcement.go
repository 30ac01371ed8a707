package channel

import (
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// announcement is a multivariant playlist of an encoder. Some send several, say one for each
// codec: what they announce together is what the input delivers.
type announcement struct {
	path       string
	playlist   *hls.MultivariantPlaylist
	renditions []failover.Announced
	since      time.Time // when it came first under this path
	recalled   bool      // it came before the restart, and not again
}

// mostAnnouncements is how many an input may have.
const mostAnnouncements = 4

func (a *announcement) names(rendition string) bool {
	return slices.ContainsFunc(a.renditions, func(r failover.Announced) bool { return r.Path == rendition })
}

// takeAnnouncement puts a multivariant playlist in force, in the place of the one under the
// same path. Those of which it names everything have no use any more, and if there are too
// many, or too many renditions, the oldest others go.
func (in *input) takeAnnouncement(a *announcement) {
	list := in.multivariants[:0:0]
	replaced := false
	for _, o := range in.multivariants {
		switch {
		case o.path == a.path:
			a.since, replaced = o.since, true
			in.unname(o, a)
			list = append(list, a)
		case slices.ContainsFunc(o.renditions, func(r failover.Announced) bool { return !a.names(r.Path) }):
			list = append(list, o)
		}
	}
	if !replaced {
		list = append(list, a)
	}
	for len(list) > mostAnnouncements || len(list) > 1 && len(union(list)) > in.config.Load().MaxRenditions {
		oldest := slices.IndexFunc(list, func(o *announcement) bool { return o != a })
		list = slices.Delete(list, oldest, oldest+1)
	}
	in.multivariants = list
}

// unname notes which media playlists of a multivariant playlist those that are in force now do not name: an
// encoder that was started again has other ones.
func (in *input) unname(before *announcement, now ...*announcement) {
	for _, r := range before.renditions {
		named := slices.ContainsFunc(now, func(a *announcement) bool { return a.names(r.Path) })
		if l := in.lists[r.Path]; l != nil && !named {
			l.unnamed = time.Now()
		}
	}
}

// union is what the multivariant playlists announce together.
func union(list []*announcement) []failover.Announced {
	if len(list) == 1 {
		return list[0].renditions
	}
	all := []failover.Announced{}
	known := map[string]bool{}
	for _, a := range list {
		for _, r := range a.renditions {
			if !known[r.Path] {
				known[r.Path] = true
				all = append(all, r)
			}
		}
	}
	return all
}

// beside are the paths of the other multivariant playlists in force.
func (in *input) beside(path string) []string {
	var others []string
	for _, a := range in.multivariants {
		if a.path != path {
			others = append(others, a.path)
		}
	}
	return others
}

// announceAll tells the core what the multivariant playlists in force announce.
func (in *input) announceAll() {
	fact := failover.Multivariant{Input: in.name, Renditions: union(in.multivariants)}
	in.announces(fact)
	in.regrouped = true
	in.channel.reselect()
	in.channel.step(fact)
}

// replacedSegments is for how many segments nothing that a multivariant playlist announces
// has come, while the one that came after it is delivered, until it is taken for replaced:
// an encoder that was started again may use another name.
const replacedSegments = 3

// dropReplaced forgets multivariant playlists in whose place another one came.
func (in *input) dropReplaced() {
	if len(in.multivariants) < 2 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(in.multivariants), in.replaced)
	if len(kept) == len(in.multivariants) || len(kept) == 0 {
		return
	}
	for _, a := range in.multivariants {
		in.unname(a, kept...)
	}
	in.multivariants = kept
	in.announceAll()
	newest := kept[len(kept)-1]
	in.outbox.trouble(in.standing.keepBeside(in.name, newest.path, in.beside(newest.path)))
}

// replaced reports whether another multivariant playlist came in the place of this one: since
// then there is media of that, and none of this.
func (in *input) replaced(a *announcement) bool {
	return slices.ContainsFunc(in.multivariants, func(later *announcement) bool {
		wait := replacedSegments * in.segmentLength()
		if !later.since.After(a.since) || in.newest().Sub(later.since) <= wait {
			return false
		}
		last, own := in.lastOf(a, later)
		other, _ := in.lastOf(later, a)
		return own && !last.After(later.since.Add(in.segmentLength())) && other.Sub(last) > wait && other.Sub(later.since) > wait
	})
}

// lastOf is when something came last that one multivariant playlist announces and another one
// does not; own reports whether there is anything like that.
func (in *input) lastOf(a, without *announcement) (last time.Time, own bool) {
	for _, r := range a.renditions {
		if without.names(r.Path) {
			continue
		}
		own = true
		if l := in.lists[r.Path]; l != nil && l.fresh.After(last) {
			last = l.fresh
		}
	}
	return last, own
}

// announced are the multivariant playlists of the inputs that have one.
func announced(inputs []*input) []output.Announcement {
	var list []output.Announcement
	for _, in := range inputs {
		list = append(list, in.announcement()...)
	}
	return list
}

// announcedFor are the multivariant playlists in the order in which they count for the
// viewers of an endpoint: that of the active input first, then those of the others that are
// up. What one input says about itself does not decide what viewers of another see.
func announcedFor(inputs []*input, active string) []output.Announcement {
	var first, others []output.Announcement
	for _, in := range inputs {
		switch {
		case in.name == active:
			first = in.announcement()
		case in.up:
			others = append(others, in.announcement()...)
		}
	}
	return append(first, others...)
}

// announcement are the input's multivariant playlists, the one that came first first, so
// that the order of what viewers get does not change with every upload.
func (in *input) announcement() []output.Announcement {
	var list []output.Announcement
	for _, a := range in.multivariants {
		list = append(list, output.Announcement{BasePath: in.config.Load().BasePath, Path: a.path, Playlist: a.playlist})
	}
	return list
}
