package output

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Excluded lists the renditions that are left out, in order: variants whose bit rate
// is outside the limits, and what only they refer to.
func (l Limits) Excluded(announced []Announcement) ([]string, error) {
	if l.MinBitrate == 0 && l.MaxBitrate == 0 {
		return nil, nil
	}
	kept, left := map[string]bool{}, map[string]bool{}
	for _, a := range announced {
		l.divide(a, kept, left)
	}
	var list []string
	for path := range left {
		if !kept[path] {
			list = append(list, path)
		}
	}
	if len(list) > 0 && len(kept) == 0 {
		return nil, fmt.Errorf("no variant has a bit rate within the limits of the endpoint: all are served")
	}
	slices.Sort(list)
	return list, nil
}

// divide sorts the renditions of a multivariant playlist into those that are
// within the limits, and those that are not.
func (l Limits) divide(a Announcement, kept, left map[string]bool) {
	keptGroups, leftGroups := map[string]bool{}, map[string]bool{}
	for i := range a.Playlist.Variants {
		v := &a.Playlist.Variants[i]
		paths, groups := kept, keptGroups
		if !l.within(v) {
			paths, groups = left, leftGroups
		}
		// Playlists whose URIs can't be resolved have been refused.
		if path, ok := a.rendition(v.URI); ok {
			paths[path] = true
		}
		for _, group := range groupsOf(v) {
			groups[group] = true
		}
	}
	for i := range a.Playlist.Renditions {
		r := &a.Playlist.Renditions[i]
		path, ok := a.rendition(r.URI)
		if r.URI == "" || !ok {
			continue
		}
		if group := groupOf(r); leftGroups[group] && !keptGroups[group] {
			left[path] = true
		} else {
			kept[path] = true
		}
	}
}

// within reports whether the variant is served. Limits are for video: a variant without any
// is there for those who can't play it.
func (l Limits) within(v *hls.Variant) bool {
	if v.Width == 0 && v.Codecs != "" && !hasVideoCodec(v.Codecs) {
		return true
	}
	return v.Bandwidth >= l.MinBitrate && (l.MaxBitrate == 0 || v.Bandwidth <= l.MaxBitrate)
}

// hasVideoCodec reports whether a CODECS attribute names more than audio and text
// (RFC 6381).
func hasVideoCodec(codecs string) bool {
	for codec := range strings.SplitSeq(codecs, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(codec), ".")
		switch strings.ToLower(name) {
		case "mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3",
			"dtsc", "dtse", "dtsh", "dtsl", "dtsx", "dtsy", "mha1", "mha2", "mhm1", "mhm2", "wvtt", "stpp", "":
		default:
			return true
		}
	}
	return false
}

// groupsOf lists the groups that a variant refers to, as groupOf names them.
func groupsOf(v *hls.Variant) []string {
	var groups []string
	for kind, id := range map[string]string{"AUDIO": v.Audio, "VIDEO": v.Video, "SUBTITLES": v.Subtitles} {
		if id != "" {
			groups = append(groups, kind+" "+id)
		}
	}
	return groups
}

func groupOf(r *hls.Rendition) string { return strings.ToUpper(r.Type) + " " + r.GroupID }

// sortVariants puts variants into an endpoint's order.
func (o VariantOrder) sortVariants(list []hls.Variant) {
	switch o {
	case Ascending:
		slices.SortStableFunc(list, func(a, b hls.Variant) int { return cmp.Compare(a.Bandwidth, b.Bandwidth) })
	case Descending:
		slices.SortStableFunc(list, func(a, b hls.Variant) int { return cmp.Compare(b.Bandwidth, a.Bandwidth) })
	}
}
