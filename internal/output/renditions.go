package output

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// What one input says about itself does not decide what viewers of another one see:
// attributes come from the active input, then from those that are up; what was measured
// wins; what nobody has delivered is not listed; and every line that is listed is valid on
// its own.

// delivered reports whether a rendition has had media at the endpoint.
func (m measures) delivered(id string) bool { return m[id].format != nil }

// Names of the groups that the origin makes itself.
const (
	audioGroup    = "audio"
	subtitleGroup = "subtitles"
)

// addUnmentioned lists what no multivariant playlist names, according to what it holds:
// video is a variant, audio next to video belongs to an audio group, text to a subtitles
// group. Audio alone is a variant as well.
func (m measures) addUnmentioned(out *hls.MultivariantPlaylist, ids []string) {
	var audio, text []string
	video := slices.ContainsFunc(out.Variants, func(v hls.Variant) bool { return m.isVideo(playlistID(v.URI)) })
	for _, id := range ids {
		switch f := m[id].format; {
		case f.text():
			text = append(text, id)
		case f.VideoCodec != "" || !f.sound():
			video = true
			out.Variants = append(out.Variants, hls.Variant{URI: id + ".m3u8"})
		default:
			audio = append(audio, id)
		}
	}
	if !video {
		for _, id := range audio {
			out.Variants = append(out.Variants, hls.Variant{URI: id + ".m3u8"})
		}
		audio = nil
	}
	m.addGroup(out, "AUDIO", audioGroup, "Audio", audio)
	m.addGroup(out, "SUBTITLES", subtitleGroup, "Subtitles", text)
	addSoundAlone(out)
}

// addSoundAlone makes a variant of each audio group where there is no variant, as players begin with
// one: the pictures that the encoder announces don't come, or it announces none.
func addSoundAlone(out *hls.MultivariantPlaylist) {
	if len(out.Variants) > 0 {
		return
	}
	for _, r := range out.Renditions {
		if r.Type != "AUDIO" || r.URI == "" {
			continue
		}
		i := slices.IndexFunc(out.Variants, func(v hls.Variant) bool { return v.Audio == r.GroupID })
		switch {
		case i < 0:
			out.Variants = append(out.Variants, hls.Variant{URI: r.URI, Audio: r.GroupID})
		case r.Default:
			out.Variants[i].URI = r.URI
		}
	}
}

// addGroup makes renditions of playlists, in the encoder's own group if it has one,
// and makes the variants with video that refer to no such group yet refer to it: otherwise
// video without audio would be mute.
func (m measures) addGroup(out *hls.MultivariantPlaylist, kind, group, name string, ids []string) {
	has := slices.IndexFunc(out.Renditions, func(r hls.Rendition) bool { return r.Type == kind && r.URI != "" })
	if has >= 0 {
		group = out.Renditions[has].GroupID
	}
	if len(ids) == 0 && (has < 0 || kind != "AUDIO") {
		return
	}
	muxed := false // the audio within a variant is one of the choices, and the first one
	for i := range out.Variants {
		v := &out.Variants[i]
		f := m[playlistID(v.URI)].format
		if f == nil || f.VideoCodec == "" {
			continue
		}
		of := &v.Audio
		if kind == "SUBTITLES" {
			of = &v.Subtitles
		}
		sounds := strings.Contains(f.Codecs, ",")
		if *of == "" && (len(ids) > 0 || !sounds) {
			*of = group
			muxed = muxed || kind == "AUDIO" && sounds && has < 0
		}
	}
	number := 1
	add := func(uri string) {
		out.Renditions = append(out.Renditions, hls.Rendition{
			Type: kind, GroupID: group, Name: fmt.Sprintf("%s %d", name, number), URI: uri,
			Default: kind == "AUDIO" && number == 1 && has < 0, Autoselect: true,
		})
		number++
	}
	if muxed {
		add("")
	}
	for _, id := range ids {
		add(id + ".m3u8")
	}
}

func (m measures) isVideo(id string) bool {
	f := m[id].format
	return f != nil && f.VideoCodec != ""
}

func (f *Format) text() bool { return f.ContentType == "text/vtt" }

// sound reports whether the media is audio, and nothing else.
func (f *Format) sound() bool {
	return f.Codecs != "" && !hasVideoCodec(f.Codecs) || strings.HasPrefix(f.ContentType, "audio/")
}

// measured makes what was measured win over what the encoder claims. A frame rate is an
// average where timestamps are uneven, so a claim that is close stays.
func (m measures) measured(v *hls.Variant, f *Format, renditions []hls.Rendition) {
	if codecs := m.codecs(f, v, renditions); codecs != "" && !sameCodecs(codecs, v.Codecs) {
		v.Codecs = codecs
	}
	if f.Width > 0 {
		v.Width, v.Height = f.Width, f.Height
	}
	if f.FrameRate > 0 && math.Abs(v.FrameRate-f.FrameRate) > f.FrameRate/20 {
		v.FrameRate = f.FrameRate
	}
}

// sameCodecs reports whether two lists name the same codecs, in any order.
func sameCodecs(a, b string) bool {
	split := func(list string) []string {
		codecs := strings.Split(strings.ReplaceAll(list, " ", ""), ",")
		slices.Sort(codecs)
		return slices.Compact(codecs)
	}
	return slices.Equal(split(a), split(b))
}

// tidy removes what would make the playlist invalid: a reference to a group that is not
// listed, a variant that is listed twice, a second default of a group, a name that another
// one of the group has (RFC 8216 4.3.4.1.1), as inputs may give to playlists of different
// paths, and renditions within the variants whose group nobody refers to.
func tidy(out *hls.MultivariantPlaylist) {
	listed := map[string]bool{}
	for i := range out.Renditions {
		listed[groupOf(&out.Renditions[i])] = true
	}
	used := map[string]bool{}
	keep := func(kind string, group *string) {
		if *group == "" || *group == "NONE" && kind == "CLOSED-CAPTIONS" {
			return
		}
		if !listed[kind+" "+*group] {
			*group = ""
			return
		}
		used[kind+" "+*group] = true
	}
	variants := out.Variants[:0]
	for _, v := range out.Variants {
		keep("AUDIO", &v.Audio)
		keep("VIDEO", &v.Video)
		keep("SUBTITLES", &v.Subtitles)
		keep("CLOSED-CAPTIONS", &v.ClosedCaptions)
		same := func(o hls.Variant) bool { o.Line = v.Line; return reflect.DeepEqual(o, v) }
		if !slices.ContainsFunc(variants, same) {
			variants = append(variants, v)
		}
	}
	out.Variants = variants
	defaults, names := map[string]bool{}, map[string]bool{}
	renditions := out.Renditions[:0]
	for _, r := range out.Renditions {
		group := groupOf(&r)
		if r.URI == "" && !used[group] {
			continue
		}
		r.Default = r.Default && !defaults[group]
		defaults[group] = defaults[group] || r.Default
		name := r.Name
		for n := 2; names[group+" "+r.Name]; n++ {
			r.Name = fmt.Sprintf("%s %d", name, n)
		}
		names[group+" "+r.Name] = true
		renditions = append(renditions, r)
	}
	out.Renditions = renditions
}
