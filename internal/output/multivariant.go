package output

import (
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// lineup is what multivariant playlists are made from.
type lineup struct {
	announced []Announcement
	measures  measures
	limits    Limits
	order     VariantOrder
	iframes   bool
}

// multivariant is the multivariant playlist of these renditions: those of the inputs, the
// active one's first, with the origin's own URIs. What none of them names is listed as what
// it was found to be. Earlier ones, of the past that the renditions are from, count first.
// iframes says which renditions have I-frame playlists.
func (l lineup) multivariant(list []*Rendition, earlier []*hls.MultivariantPlaylist, iframes func(id string) bool) *hls.MultivariantPlaylist {
	out := &hls.MultivariantPlaylist{}
	served := map[string]bool{}
	for _, r := range list {
		served[r.Path] = l.measures.delivered(r.ID)
	}
	for _, m := range earlier {
		relist(out, m, list, served)
	}
	for i, a := range l.announced {
		a.merge(out, served, l.limits, i == 0)
	}
	tidy(out)
	var unmentioned []string
	for _, r := range list {
		if served[r.Path] {
			unmentioned = append(unmentioned, r.ID)
		}
	}
	l.measures.addUnmentioned(out, unmentioned)
	tidy(out)
	for i := range out.Variants {
		l.measures.complete(&out.Variants[i], out.Renditions)
	}
	l.order.sortVariants(out.Variants)
	if l.iframes {
		out.IFrames = l.measures.iframeVariants(out.Variants, iframes)
	}
	return out
}

// Announcement is the multivariant playlist of an input.
type Announcement struct {
	// BasePath is the path of the input's URL, and Path is that of the playlist below it.
	BasePath, Path string
	Playlist       *hls.MultivariantPlaylist
}

// rendition is the path of what a URI of the playlist names.
func (a Announcement) rendition(uri string) (path string, ok bool) {
	path, err := hls.ResolveURI(a.BasePath, a.Path, uri)
	return path, err == nil
}

// merge takes over what no other input has announced yet. served says which renditions the
// endpoint has that are not in out yet. What is true of the whole playlist, and of media
// within the variants, comes from the first one alone. Two lines may have the same playlist
// and differ in the audio that goes with it, and so in their bit rates: limits apply to
// lines.
func (a Announcement) merge(out *hls.MultivariantPlaylist, served map[string]bool, limits Limits, first bool) {
	taken := map[string]bool{}
	own := func(uri string) (path string, ok bool) {
		path, ok = a.rendition(uri)
		return path, ok && served[path]
	}
	if first {
		out.Tags = PassedOn(a.Playlist.Tags)
	}
	for _, r := range a.Playlist.Renditions {
		if r.URI == "" {
			if first && !hasRendition(out, r) {
				out.Renditions = append(out.Renditions, r)
			}
			continue
		}
		if path, ok := own(r.URI); ok {
			r.URI, taken[path] = RenditionID(path)+".m3u8", true
			out.Renditions = append(out.Renditions, r)
		}
	}
	for _, v := range a.Playlist.Variants {
		if path, ok := own(v.URI); ok && limits.within(&v) {
			v.URI, taken[path] = RenditionID(path)+".m3u8", true
			out.Variants = append(out.Variants, v)
		}
	}
	for path := range taken {
		delete(served, path)
	}
}

// PassedOn picks the lines of an encoder's multivariant playlist that are just as true of
// the origin's: where to start, and session data given in the line itself. All others name
// what only the encoder has.
func PassedOn(lines []string) []string {
	var out []string
	var budget tagBudget
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, startTag), strings.HasPrefix(line, sessionData) && !hasURI(line):
			if budget.take(line) {
				out = append(out, line)
			}
		}
	}
	return out
}

const (
	startTag    = "#EXT-X-START:"
	sessionData = "#EXT-X-SESSION-DATA:"
)

func hasURI(line string) bool {
	attributes, err := hls.ParseAttributes(strings.TrimPrefix(line, sessionData))
	return err != nil || slices.ContainsFunc(attributes, func(a hls.Attribute) bool { return a.Name == "URI" })
}

// relist takes over lines of an earlier playlist of the endpoint, for what is served and not
// in out yet.
func relist(out, earlier *hls.MultivariantPlaylist, list []*Rendition, served map[string]bool) {
	missing := map[string]string{} // path by URI
	for _, r := range list {
		if served[r.Path] {
			missing[r.ID+".m3u8"] = r.Path
		}
	}
	for _, r := range earlier.Renditions {
		path, ok := missing[r.URI]
		if ok || r.URI == "" && !hasRendition(out, r) {
			out.Renditions = append(out.Renditions, r)
			delete(served, path)
		}
	}
	for _, v := range earlier.Variants {
		if path, ok := missing[v.URI]; ok {
			out.Variants = append(out.Variants, v)
			delete(served, path)
		}
	}
}

func hasRendition(m *hls.MultivariantPlaylist, r hls.Rendition) bool {
	return slices.ContainsFunc(m.Renditions, func(o hls.Rendition) bool {
		return o.Type == r.Type && o.GroupID == r.GroupID && o.Name == r.Name
	})
}

// complete fills in what was measured. The encoder's BANDWIDTH has to be an upper bound
// (RFC 8216 4.3.4.2), so it is raised to what was measured.
func (m measures) complete(v *hls.Variant, renditions []hls.Rendition) {
	id := playlistID(v.URI)
	own := m[id]
	peak, average := own.peak, own.average
	for _, group := range groupsOf(v) {
		p, a := m.groupRates(renditions, group, id)
		peak, average = peak+p, average+a
	}
	v.Bandwidth = max(1, v.Bandwidth, peak)
	v.AverageBandwidth = min(v.Bandwidth, believable(v.AverageBandwidth, average))
	if own.format != nil {
		m.measured(v, own.format, renditions)
	}
}

// believable is the average bit rate that is claimed, 0 for none, unless what is measured is
// far from it: the claim is about the whole programme, the measurement about the window.
func believable(claimed, measured uint64) uint64 {
	if measured == 0 || claimed >= measured/2 && claimed <= 2*measured {
		return claimed
	}
	return rounded(measured)
}

// groupRates are the rates of a group's largest rendition: a player plays one of
// them with the variant, unless the variant itself is one of them.
func (m measures) groupRates(renditions []hls.Rendition, group, variant string) (peak, average uint64) {
	for i := range renditions {
		if r := &renditions[i]; r.URI != "" && groupOf(r) == group {
			id := playlistID(r.URI)
			if id == variant {
				return 0, 0
			}
			peak, average = max(peak, m[id].peak), max(average, m[id].average)
		}
	}
	return peak, average
}

// codecs lists what a player of the variant has to decode, with the audio of its
// group. A list that does not name every codec is worse than none (RFC 8216
// 4.3.4.2), so it is empty as long as one of them is unknown.
func (m measures) codecs(own *Format, v *hls.Variant, renditions []hls.Rendition) string {
	if own.Codecs == "" {
		return ""
	}
	list := strings.Split(own.Codecs, ",")
	for i := range renditions {
		r := &renditions[i]
		if v.Audio == "" || r.URI == "" || groupOf(r) != "AUDIO "+v.Audio {
			continue
		}
		f := m[playlistID(r.URI)].format
		if f == nil || f.Codecs == "" {
			return ""
		}
		for codec := range strings.SplitSeq(f.Codecs, ",") {
			if !slices.Contains(list, codec) {
				list = append(list, codec)
			}
		}
	}
	return strings.Join(list, ",")
}

// playlistID is the ID of the rendition that one of the origin's own playlist URIs names.
func playlistID(uri string) string { return strings.TrimSuffix(uri, ".m3u8") }

// iframeVariants lists the I-frame playlists of the videos that the variants have.
func (m measures) iframeVariants(variants []hls.Variant, has func(id string) bool) []hls.Variant {
	var list []hls.Variant
	seen := map[string]bool{}
	for _, v := range variants {
		id := playlistID(v.URI)
		if !has(id) || seen[id] {
			continue
		}
		seen[id] = true
		iframes := hls.Variant{
			URI: id + iframesSuffix + ".m3u8", Bandwidth: max(1, m[id].iframePeak),
			Width: v.Width, Height: v.Height, VideoRange: v.VideoRange, HDCPLevel: v.HDCPLevel,
		}
		if f := m[id].format; f != nil {
			iframes.Codecs = f.VideoCodec
		}
		list = append(list, iframes)
	}
	return list
}
