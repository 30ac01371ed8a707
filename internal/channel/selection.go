package channel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// reselect tells the core which renditions an endpoint serves, wherever that has
// changed. The channel's lock is held.
func (c *Channel) reselect() {
	for _, ec := range c.config.Endpoints {
		e := c.endpoints[ec.Name]
		excluded, err := c.excluded(ec)
		if err != nil && e.selectionTrouble != err.Error() {
			c.outbox.trouble(c.name, fmt.Errorf("endpoint %s: %w", ec.Name, err))
		}
		e.selectionTrouble = ""
		if err != nil {
			e.selectionTrouble = err.Error()
		}
		if slices.Equal(excluded, e.excluded) {
			continue
		}
		e.excluded = excluded
		c.step(failover.Selection{Endpoint: ec.Name, Excluded: excluded})
	}
}

// excluded lists the renditions that an endpoint leaves out, in order: variants
// whose bit rate is outside its limits, and what only they refer to.
func (c *Channel) excluded(ec EndpointConfig) ([]string, error) {
	if ec.MinBitrate == 0 && ec.MaxBitrate == 0 {
		return nil, nil
	}
	kept, left := map[string]bool{}, map[string]bool{}
	for _, ic := range c.config.Inputs {
		if m := c.inputs[ic.Name].getMultivariant(); m != nil {
			ec.divide(ic, m, kept, left)
		}
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
func (ec EndpointConfig) divide(ic InputConfig, m *multivariant, kept, left map[string]bool) {
	keptGroups, leftGroups := map[string]bool{}, map[string]bool{}
	for i := range m.playlist.Variants {
		v := &m.playlist.Variants[i]
		paths, groups := kept, keptGroups
		if !ec.within(v) {
			paths, groups = left, leftGroups
		}
		// Playlists whose URIs can't be resolved have been refused.
		if path, err := hls.ResolveURI(ic.BasePath, m.path, v.URI); err == nil {
			paths[path] = true
		}
		for _, group := range groupsOf(v) {
			groups[group] = true
		}
	}
	for i := range m.playlist.Renditions {
		r := &m.playlist.Renditions[i]
		path, err := hls.ResolveURI(ic.BasePath, m.path, r.URI)
		if r.URI == "" || err != nil {
			continue
		}
		if group := groupOf(r); leftGroups[group] && !keptGroups[group] {
			left[path] = true
		} else {
			kept[path] = true
		}
	}
}

// within reports whether the endpoint serves the variant. Limits are for video:
// what has none is there for those who can't have any.
func (ec EndpointConfig) within(v *hls.Variant) bool {
	if v.Width == 0 && v.Codecs != "" && !hasVideoCodec(v.Codecs) {
		return true
	}
	return v.Bandwidth >= ec.MinBitrate && (ec.MaxBitrate == 0 || v.Bandwidth <= ec.MaxBitrate)
}

// hasVideoCodec reports whether a CODECS attribute names more than audio and text
// (RFC 6381).
func hasVideoCodec(codecs string) bool {
	for codec := range strings.SplitSeq(codecs, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(codec), ".")
		switch strings.ToLower(name) {
		case "mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "wvtt", "stpp", "":
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
