package channel

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// CODECS of a variant names what is in its segments, and what any rendition of its audio group needs
// (RFC 8216 4.3.4.2), and a player leaves out a variant of which it can't play all: hls.js in a browser
// without AC-3 plays nothing of a group with AAC and AC-3. Sound in several codecs belongs into several
// groups, and each variant is listed once with each of them.

// noticeCodecs tells of variants that need several codecs for their sound, once for as long as they are the same. It is
// asked with each playlist, and looks only where something has been learned since.
func (in *input) noticeCodecs() {
	changed := in.regrouped
	for _, l := range in.lists {
		changed, l.learned = changed || l.learned, false
	}
	if !changed {
		return
	}
	in.regrouped = false
	path, found := in.mixedSound()
	if found == in.mixed {
		return
	}
	if in.mixed = found; found == "" {
		return
	}
	n := Notice{
		Time: time.Now(), Input: in.name, Path: path, Kind: NoticeAudioCodecs,
		Text:   found + "; a player that lacks one of them, as many browsers do, leaves out each variant with this sound",
		Advice: "give each codec an audio group of its own, and list each variant once with each of them",
	}
	in.remarks.add(n)
	in.outbox.notice(n)
}

// mixedSound is the first variant or audio group with several codecs, empty if there is none.
func (in *input) mixedSound() (path, found string) {
	for _, p := range in.known(failover.Variant) {
		var codecs []string
		for _, t := range in.lists[p].config.Tracks {
			if t.Kind == media.Audio && t.Codec != "" {
				codecs = append(codecs, t.Codec)
			}
		}
		if mixed(codecs) {
			return p, fmt.Sprintf("%s has sound in several codecs: %s", p, strings.Join(codecs, ", "))
		}
	}
	groups, names := in.audioGroups()
	for _, name := range names {
		var codecs, list []string
		for _, p := range groups[name] {
			codec := soundOf(in.lists[p].config)
			if codec == "" {
				continue
			}
			codecs, list = append(codecs, codec), append(list, p+" "+codec)
		}
		if mixed(codecs) {
			return groups[name][0], fmt.Sprintf("audio group %q has several codecs: %s", name, strings.Join(list, ", "))
		}
	}
	return "", ""
}

// audioGroups are the playlists of sound by the group that viewers get them in, and the names of the groups
// in order.
func (in *input) audioGroups() (groups map[string][]string, names []string) {
	groups = map[string][]string{}
	sound := in.known(failover.Audio)
	add := func(group, path string) {
		if !slices.Contains(sound, path) || slices.Contains(groups[group], path) {
			return
		}
		if groups[group] == nil {
			names = append(names, group)
		}
		groups[group] = append(groups[group], path)
	}
	for _, a := range in.multivariants {
		for _, r := range a.playlist.Renditions {
			if r.Type != "AUDIO" || r.URI == "" {
				continue
			}
			if path, err := hls.ResolveURI(in.config.Load().BasePath, a.path, r.URI); err == nil {
				add(r.GroupID, path)
			}
		}
	}
	if len(in.known(failover.Variant)) == 0 {
		return groups, names // each of the others is a variant
	}
	// What no multivariant playlist names comes into the first group.
	first := "audio" // which the origin makes
	if len(names) > 0 {
		first = names[0]
	}
	for _, path := range sound {
		if !slices.Contains(in.announced, path) {
			add(first, path)
		}
	}
	return groups, names
}

// known are the playlists of a kind whose segments have been looked into, in order.
func (in *input) known(kind failover.Kind) (paths []string) {
	for path, l := range in.lists {
		if l.known && l.kind == kind && l.config != nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// soundOf is the codec of the sound of a segment, empty if that is not known.
func soundOf(info *media.Info) string {
	for _, t := range info.Tracks {
		if t.Kind == media.Audio {
			return t.Codec
		}
	}
	return ""
}

// mixed reports whether there are several codecs of which a player may lack one. All profiles of AAC
// are one.
func mixed(codecs []string) bool {
	const aac, mpeg2, mp3 = "mp4a.40.", "mp4a.40.33", "mp4a.40.34"
	family := func(codec string) string {
		if codec != mpeg2 && codec != mp3 && strings.HasPrefix(codec, aac) {
			return aac
		}
		return codec
	}
	return slices.ContainsFunc(codecs, func(codec string) bool { return family(codec) != family(codecs[0]) })
}
