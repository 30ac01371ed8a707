package channel

import (
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// multivariant is the endpoint's multivariant playlist: that of the inputs, the
// first one's first, with the origin's own URIs. For an encoder that sends none
// it is made from what was measured.
func (e *endpoint) multivariant(last *slot) *hls.MultivariantPlaylist {
	out := &hls.MultivariantPlaylist{IndependentSegments: e.held.dependent == 0}
	served := map[string]bool{}
	for _, r := range last.Renditions {
		served[r.Path] = true
	}
	for _, ic := range e.channel.config.Inputs {
		in := e.channel.inputs[ic.Name]
		if m := in.getMultivariant(); m != nil {
			e.merge(out, ic, m, served)
		}
	}
	// What no multivariant playlist mentions.
	for _, r := range last.Renditions {
		if served[r.Path] {
			out.Variants = append(out.Variants, hls.Variant{URI: r.ID + ".m3u8"})
		}
	}
	for i := range out.Variants {
		e.complete(&out.Variants[i], out.Renditions)
	}
	e.config.VariantOrder.sortVariants(out.Variants)
	if e.config.IFramePlaylist {
		out.IFrames = e.iframeVariants(out.Variants)
	}
	return out
}

// merge takes over what another input has not announced yet. served says which
// renditions the endpoint has and are not yet in out.
func (e *endpoint) merge(out *hls.MultivariantPlaylist, ic InputConfig, m *multivariant, served map[string]bool) {
	taken := map[string]bool{}
	own := func(uri string) (id string, ok bool) {
		path, err := hls.ResolveURI(ic.BasePath, m.path, uri)
		if err != nil || !served[path] {
			return "", false
		}
		taken[path] = true
		return renditionID(path), true
	}
	if len(out.Tags) == 0 {
		out.Tags = passedOn(m.playlist.Tags)
	}
	for _, r := range m.playlist.Renditions {
		if r.URI == "" {
			if !hasRendition(out, r) {
				out.Renditions = append(out.Renditions, r)
			}
			continue
		}
		if id, ok := own(r.URI); ok {
			r.URI = id + ".m3u8"
			out.Renditions = append(out.Renditions, r)
		}
	}
	for _, v := range m.playlist.Variants {
		if id, ok := own(v.URI); ok {
			v.URI = id + ".m3u8"
			out.Variants = append(out.Variants, v)
		}
	}
	for path := range taken {
		delete(served, path)
	}
}

// passedOn picks the lines of an encoder's multivariant playlist that are as true
// of the origin's: where to start, and session data that lies in the line itself.
// All others name what only the encoder has.
func passedOn(lines []string) []string {
	var out []string
	var budget tagBudget
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "#EXT-X-START:"), strings.HasPrefix(line, sessionData) && !hasURI(line):
			if budget.take(line) {
				out = append(out, line)
			}
		}
	}
	return out
}

const sessionData = "#EXT-X-SESSION-DATA:"

func hasURI(line string) bool {
	attributes, err := hls.ParseAttributes(strings.TrimPrefix(line, sessionData))
	return err != nil || slices.ContainsFunc(attributes, func(a hls.Attribute) bool { return a.Name == "URI" })
}

func hasRendition(m *hls.MultivariantPlaylist, r hls.Rendition) bool {
	for _, o := range m.Renditions {
		if o.Type == r.Type && o.GroupID == r.GroupID && o.Name == r.Name {
			return true
		}
	}
	return false
}

// complete fills in what the encoder did not say, from measurement. Its BANDWIDTH
// has to be an upper bound (RFC 8216 4.3.4.2), so it is raised to what was measured.
func (e *endpoint) complete(v *hls.Variant, renditions []hls.Rendition) {
	id := playlistID(v.URI)
	peak, average := e.peak[id], e.held.average(id)
	for _, group := range groupsOf(v) {
		p, a := e.groupRates(renditions, group, id)
		peak, average = peak+p, average+a
	}
	v.Bandwidth = max(1, v.Bandwidth, peak)
	if v.AverageBandwidth == 0 && average > 0 {
		v.AverageBandwidth = min(v.Bandwidth, rounded(average))
	}
	f := e.formats[id]
	if f == nil {
		return
	}
	if v.Codecs == "" {
		v.Codecs = e.codecs(f, v, renditions)
	}
	if v.Width == 0 {
		v.Width, v.Height = f.Width, f.Height
	}
	if v.FrameRate == 0 {
		v.FrameRate = f.FrameRate
	}
}

// groupRates are the rates of a group's largest rendition: a player plays one of
// them with the variant, unless the variant itself is one of them.
func (e *endpoint) groupRates(renditions []hls.Rendition, group, variant string) (peak, average uint64) {
	for i := range renditions {
		if r := &renditions[i]; r.URI != "" && groupOf(r) == group {
			id := playlistID(r.URI)
			if id == variant {
				return 0, 0
			}
			peak, average = max(peak, e.peak[id]), max(average, e.held.average(id))
		}
	}
	return peak, average
}

// codecs lists what a player of the variant has to decode, with the audio of its
// group. A list that does not name every codec is worse than none (RFC 8216
// 4.3.4.2), so it is empty as long as one of them is unknown.
func (e *endpoint) codecs(own *format, v *hls.Variant, renditions []hls.Rendition) string {
	if own.Codecs == "" {
		return ""
	}
	list := strings.Split(own.Codecs, ",")
	for i := range renditions {
		r := &renditions[i]
		if v.Audio == "" || r.URI == "" || groupOf(r) != "AUDIO "+v.Audio {
			continue
		}
		f := e.formats[playlistID(r.URI)]
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

// playlistID is the rendition of one of the origin's own playlist URIs.
func playlistID(uri string) string { return strings.TrimSuffix(uri, ".m3u8") }

// iframeVariants lists an I-frame playlist for each video that the variants have.
func (e *endpoint) iframeVariants(variants []hls.Variant) []hls.Variant {
	var list []hls.Variant
	seen := map[string]bool{}
	for _, v := range variants {
		id := playlistID(v.URI)
		if e.iframes[id] == 0 || seen[id] {
			continue
		}
		seen[id] = true
		iframes := hls.Variant{
			URI: id + iframesSuffix + ".m3u8", Bandwidth: max(1, e.iframePeak[id]),
			Width: v.Width, Height: v.Height, VideoRange: v.VideoRange, HDCPLevel: v.HDCPLevel,
		}
		if f := e.formats[id]; f != nil {
			iframes.Codecs = f.VideoCodec
		}
		list = append(list, iframes)
	}
	return list
}
