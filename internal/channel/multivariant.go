package channel

import (
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
			v := hls.Variant{URI: r.ID + ".m3u8"}
			e.complete(&v, r.ID)
			out.Variants = append(out.Variants, v)
		}
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
			e.complete(&v, id)
			out.Variants = append(out.Variants, v)
		}
	}
	for path := range taken {
		delete(served, path)
	}
}

func hasRendition(m *hls.MultivariantPlaylist, r hls.Rendition) bool {
	for _, o := range m.Renditions {
		if o.Type == r.Type && o.GroupID == r.GroupID && o.Name == r.Name {
			return true
		}
	}
	return false
}

// complete fills in what the encoder did not say, from measurement.
func (e *endpoint) complete(v *hls.Variant, id string) {
	if v.Bandwidth == 0 {
		v.Bandwidth = max(1, e.peak[id])
	}
	f := e.formats[id]
	if f == nil {
		return
	}
	if v.Codecs == "" && v.Audio == "" {
		v.Codecs = f.Codecs
	}
	if v.Width == 0 {
		v.Width, v.Height = f.Width, f.Height
	}
	if v.FrameRate == 0 {
		v.FrameRate = f.FrameRate
	}
}
