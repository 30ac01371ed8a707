package channel

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// listedAtMost is how many segments of a playlist are read, the newest ones: three
// hours of segments of 5 s. Older ones are known, or of no use to any endpoint.
const listedAtMost = 2048

// mediaFact turns a media playlist into a fact. An entry that can't be served is
// left out, with a reason that the encoder's operator understands, and keeps its place in
// the numbering. A playlist with no entry left is refused.
func mediaFact(config *InputConfig, name string, m *hls.MediaPlaylist, odd *oddities) (failover.Playlist, error) {
	fact := failover.Playlist{
		Input: config.Name, Path: name, EndList: m.EndList,
		TargetDuration: time.Duration(m.TargetDuration) * time.Second,
		Segments:       make([]failover.ListedSegment, 0, len(m.Segments)),
	}
	usual := usualDuration(m)
	var refused error
	for i := range m.Segments {
		s := &m.Segments[i]
		object, subject, err := servable(config, name, s)
		if err != nil {
			if refused == nil {
				refused = err
			}
			if s.Fault == "" { // the reader has reported those already
				odd.add(NoticeKind(hls.NoteEntry), s.Line, subject, err.Error()+": the entry is left out")
			}
			continue
		}
		if n := len(fact.Segments); n > 0 && fact.Segments[n-1].Path == object && !s.Discontinuity {
			odd.add(NoticeKind(hls.NoteEntry), s.Line, "EXTINF", fmt.Sprintf("segment %s is listed twice in a row: that counts as two segments only where it was also sent twice (ffmpeg: -strftime with names to the second needs segments of more than a second)", hls.Quote(s.URI)))
		}
		duration := s.Duration
		if duration == 0 && s.Line > 0 {
			duration = usual
		}
		tags, cue := output.Carried(s.Tags)
		fact.Segments = append(fact.Segments, failover.ListedSegment{
			Number:          m.MediaSequence + uint64(i),
			Path:            object,
			Duration:        failover.TicksOf(duration),
			Discontinuity:   s.Discontinuity,
			Gap:             s.Gap,
			ProgramDateTime: s.ProgramDateTime,
			Tags:            tags,
			Cue:             cue,
		})
	}
	if refused != nil && len(fact.Segments) == 0 {
		return fact, refused
	}
	return fact, nil
}

// servable returns the path of a listed object, or why it can't be served, and which tag or
// attribute says so.
func servable(config *InputConfig, name string, s *hls.Segment) (object, subject string, err error) {
	switch {
	case s.Fault != "":
		return "", "", refuse(BadPlaylist, "%s", s.Fault)
	case len(s.Keys) > 0:
		return "", "EXT-X-KEY", refuse(UnsupportedMedia, "segment %s is encrypted (EXT-X-KEY): it can be neither probed nor joined; turn encryption off at the encoder", hls.Quote(s.URI))
	case s.ByteRange != nil:
		return "", "EXT-X-BYTERANGE", refuse(UnsupportedMedia, "segment %s is a byte range (EXT-X-BYTERANGE): send every segment as an object of its own (ffmpeg: no single_file)", hls.Quote(s.URI))
	}
	if object, err = hls.ResolveURI(config.BasePath, name, s.URI); err != nil {
		return "", "URI", refuse(BadPlaylist, "segment: %v", err)
	}
	return object, "", nil
}

// usualDuration stands in for an EXTINF that makes no sense, until the segment is measured:
// the median of the others, or else the target duration.
func usualDuration(m *hls.MediaPlaylist) time.Duration {
	var known []time.Duration
	newest := m.Segments[max(0, len(m.Segments)-16):]
	for i := range newest {
		if d := newest[i].Duration; d > 0 {
			known = append(known, d)
		}
	}
	if len(known) == 0 {
		return time.Duration(m.TargetDuration) * time.Second
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// linesPerRendition is how often one playlist may be named in a multivariant playlist:
// with each group of audio and of subtitles, say.
const linesPerRendition = 10

// multivariantFact turns a multivariant playlist into a fact. A variant or rendition whose
// URI lies outside the input is left out: redundant encoders name each other's as well. A
// playlist with none left is refused.
func multivariantFact(config *InputConfig, name string, m *hls.MultivariantPlaylist, odd *oddities) (failover.Multivariant, error) {
	fact := failover.Multivariant{Input: config.Name}
	if lines := len(m.Variants) + len(m.Renditions); lines > linesPerRendition*config.MaxRenditions {
		return fact, refuse(TooMany, "%d variants and renditions, at most %d are allowed (ten for each of max_renditions)", lines, linesPerRendition*config.MaxRenditions)
	}
	seen := map[string]bool{}
	var refused error
	announce := func(uri string, line int, kind failover.Kind) {
		rendition, err := hls.ResolveURI(config.BasePath, name, uri)
		if err != nil {
			if refused == nil {
				refused = refuse(BadPlaylist, "rendition: %v", err)
			}
			odd.add(NoticeKind(hls.NoteEntry), line, "URI", fmt.Sprintf("rendition: %v: the entry is left out", err))
			return
		}
		if !seen[rendition] {
			seen[rendition] = true
			fact.Renditions = append(fact.Renditions, failover.Announced{Path: rendition, Kind: kind})
		}
	}
	for _, v := range m.Variants {
		announce(v.URI, v.Line, failover.Variant)
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
		announce(r.URI, r.Line, kind)
	}
	switch {
	case refused != nil && len(fact.Renditions) == 0:
		return fact, refused
	case len(fact.Renditions) > config.MaxRenditions:
		return fact, refuse(TooMany, "%d renditions, at most %d are allowed (max_renditions)", len(fact.Renditions), config.MaxRenditions)
	}
	return fact, nil
}

// coreMedia is what the core needs to know about a probed object.
func coreMedia(info *media.Info) *failover.Media {
	kind, signature := kindOf(info), info.Signature()
	var cues *failover.Span
	if t := info.Text; t != nil && t.HasMap && t.Cues > 0 {
		from := failover.Ticks(t.FirstCue + t.Offset())
		cues = &failover.Span{From: from, To: from + failover.Ticks(t.LastCue-t.FirstCue)}
	}
	return &failover.Media{
		Start: failover.Ticks(info.Start), End: failover.Ticks(info.End),
		Modulus: failover.Ticks(info.Modulus), Frame: failover.Ticks(info.FrameDuration),
		Video: kind == failover.Variant, Kind: kind, Untimed: info.Untimed, Cues: cues, Signature: base64.RawStdEncoding.EncodeToString(signature[:]),
	}
}
