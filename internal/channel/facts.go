package channel

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// mediaFact turns a media playlist into a fact. What the origin can't serve is
// refused here, with a reason that the encoder's operator understands.
func mediaFact(config InputConfig, input, name string, m *hls.MediaPlaylist) (failover.Fact, error) {
	fact := failover.Playlist{
		Input: input, Path: name, EndList: m.EndList,
		TargetDuration: time.Duration(m.TargetDuration) * time.Second,
		Segments:       make([]failover.ListedSegment, 0, len(m.Segments)),
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		switch {
		case len(s.Keys) > 0:
			return nil, refuse(UnsupportedMedia, "segment %q is encrypted (EXT-X-KEY): it can be neither probed nor joined", s.URI)
		case s.ByteRange != nil, s.Map != nil && s.Map.ByteRange != nil:
			return nil, refuse(UnsupportedMedia, "segment %q is a byte range (EXT-X-BYTERANGE): send every segment as an object of its own", s.URI)
		}
		object, err := hls.ResolveURI(config.BasePath, name, s.URI)
		if err != nil {
			return nil, refuse(BadPlaylist, "segment %q: %v", s.URI, err)
		}
		tags, cue := carried(s.Tags)
		fact.Segments = append(fact.Segments, failover.ListedSegment{
			Number:          m.MediaSequence + uint64(i),
			Path:            object,
			Duration:        failover.TicksOf(s.Duration),
			Discontinuity:   s.Discontinuity,
			Gap:             s.Gap,
			ProgramDateTime: s.ProgramDateTime,
			Tags:            tags,
			Cue:             cue,
		})
	}
	return fact, nil
}

// linesPerRendition is how often one playlist may be named in a multivariant playlist:
// with each group of audio and of subtitles, say.
const linesPerRendition = 10

// multivariantFact turns a multivariant playlist into a fact.
func multivariantFact(config InputConfig, input, name string, m *hls.MultivariantPlaylist) (failover.Fact, error) {
	if lines := len(m.Variants) + len(m.Renditions); lines > linesPerRendition*config.MaxRenditions {
		return nil, refuse(TooMany, "%d variants and renditions, at most %d are allowed", lines, linesPerRendition*config.MaxRenditions)
	}
	fact := failover.Multivariant{Input: input}
	seen := map[string]bool{}
	announce := func(uri string, kind failover.Kind) error {
		rendition, err := hls.ResolveURI(config.BasePath, name, uri)
		if err != nil {
			return refuse(BadPlaylist, "rendition %q: %v", uri, err)
		}
		if !seen[rendition] {
			seen[rendition] = true
			fact.Renditions = append(fact.Renditions, failover.Announced{Path: rendition, Kind: kind})
		}
		return nil
	}
	for _, v := range m.Variants {
		if err := announce(v.URI, failover.Variant); err != nil {
			return nil, err
		}
	}
	for _, r := range m.Renditions {
		if r.URI == "" {
			continue
		}
		kind := failover.OtherMedia
		switch strings.ToUpper(r.Type) {
		case "AUDIO":
			kind = failover.Audio
		case "SUBTITLES":
			kind = failover.Subtitles
		}
		if err := announce(r.URI, kind); err != nil {
			return nil, err
		}
	}
	if len(fact.Renditions) > config.MaxRenditions {
		return nil, refuse(TooMany, "%d renditions, at most %d are allowed", len(fact.Renditions), config.MaxRenditions)
	}
	return fact, nil
}

// coreMedia is what the core needs to know of a probed object.
func coreMedia(info *media.Info) *failover.Media {
	video := false
	for _, t := range info.Tracks {
		video = video || t.Kind == media.Video
	}
	signature := info.Signature()
	return &failover.Media{
		Start: failover.Ticks(info.Start), End: failover.Ticks(info.End),
		Modulus: failover.Ticks(info.Modulus), Frame: failover.Ticks(info.FrameDuration),
		Video: video, Untimed: info.Untimed, Signature: base64.RawStdEncoding.EncodeToString(signature[:]),
	}
}
