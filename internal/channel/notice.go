package channel

import (
	"cmp"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Notice is something about an input that its operator should know: what an
// encoder sent that made no sense and was passed over, what the input waits for, or
// what the core noticed.
type Notice struct {
	Time  time.Time
	Input string
	// Endpoint is set if the notice is about one; Input may then be empty. Only the core
	// sets Rendition.
	Endpoint, Rendition string
	// Path is the playlist or media object, below the input's path.
	Path string
	// Line is its line in a playlist, from 1; 0 if that is not known.
	Line int
	Kind NoticeKind
	// Text says what was found and what was done about it, Advice what to change at
	// the encoder; empty where there is no general advice.
	Text, Advice string
	// Repeated: it has been reported before, and goes on. Such notices are for counting.
	Repeated bool
	// Over: what the input was waiting for is there.
	Over bool
}

// NoticeKind is what a notice is about, in one word. The words are stable: they
// appear in logs and metrics.
type NoticeKind string

const (
	// NoticeIFrames: an I-frame playlist, which the origin makes itself.
	NoticeIFrames NoticeKind = "iframes"
	// NoticeSize: a playlist that will soon be larger than the limit.
	NoticeSize NoticeKind = "playlist_size"
	// NoticeNumbering: a playlist that slides, but does not number its segments.
	NoticeNumbering NoticeKind = "numbering"
	// NoticeMultivariants: several multivariant playlists with different renditions.
	NoticeMultivariants NoticeKind = "multivariants"
	// NoticeTrack: a track that is announced and has no samples.
	NoticeTrack NoticeKind = "track_gone"
	// NoticeMedia: something odd within a media object.
	NoticeMedia NoticeKind = "media"
	// NoticeAudioCodecs: a variant whose sound is in several codecs, within it or in its group.
	NoticeAudioCodecs NoticeKind = "audio_codecs"
)

// What an input may wait for.
const (
	// WaitInit: fragments whose initialization section has not come.
	WaitInit NoticeKind = "waiting_init"
	// WaitMultivariant: the multivariant playlist was refused, so that renditions
	// are known by what is in them.
	WaitMultivariant NoticeKind = "waiting_multivariant"
	// WaitRendition: a rendition that is announced and not delivered.
	WaitRendition NoticeKind = "waiting_rendition"
	// WaitMedia: a playlist none of whose segments has come.
	WaitMedia NoticeKind = "waiting_media"
	// WaitPlaylist: media, and no playlist that lists anything, or a media playlist that is refused.
	WaitPlaylist NoticeKind = "waiting_playlist"
)

// ToleratedKinds are the kinds of what is passed over, NoticedKinds those of what was
// noticed and has no effect by itself, WaitKinds those of what is waited for.
var (
	ToleratedKinds = append(noticeKinds(hls.NoteKinds),
		NoticeIFrames, NoticeSize, NoticeNumbering, NoticeMultivariants, NoticeTrack, NoticeMedia)
	NoticedKinds = append(noticeKinds(failover.Notices()), NoticeAudioCodecs)
	WaitKinds    = []NoticeKind{WaitInit, WaitMultivariant, WaitRendition, WaitMedia, WaitPlaylist}
)

func noticeKinds[K ~string](list []K) []NoticeKind {
	kinds := make([]NoticeKind, len(list))
	for i, k := range list {
		kinds[i] = NoticeKind(k)
	}
	return kinds
}

// noticeOf is what the core noticed.
func noticeOf(e failover.Noticed) Notice {
	return Notice{
		Time: e.Time, Input: e.Input, Endpoint: e.Endpoint, Rendition: e.Rendition,
		Path: cmp.Or(e.Segment, e.Rendition), Kind: NoticeKind(e.What), Text: e.Detail,
	}
}

// Bounds of what an input remembers about what has been reported.
const (
	// saidAge: what has not occurred for that long is reported again.
	saidAge = 10 * time.Minute
	// maxSaid is how many different things are remembered.
	maxSaid = 512
)

// saidKey is what makes two notices the same.
type saidKey struct {
	path    string
	kind    NoticeKind
	subject string
}

// oddities are what was tolerated in one upload.
type oddities struct {
	path string
	list []oddity
}

type oddity struct {
	Notice
	subject string
}

func (o *oddities) add(kind NoticeKind, line int, subject, text string) {
	o.list = append(o.list, oddity{subject: subject, Notice: Notice{Line: line, Kind: kind, Text: text, Advice: advice(kind, subject)}})
}

// notes adds what the reader of playlists passed over.
func (o *oddities) notes(list []hls.Note) {
	for _, n := range list {
		o.add(NoticeKind(n.Kind), n.Line, n.Subject, n.Text)
	}
}

// tell reports what was tolerated in an upload: each thing once for as long as it goes on
// and, for counting, each kind once per upload. The lock is held.
func (in *input) tell(o oddities) {
	if len(o.list) == 0 {
		return
	}
	now := time.Now()
	if in.said == nil || len(in.said) >= maxSaid {
		in.said = map[saidKey]time.Time{}
	}
	repeated := map[NoticeKind]bool{}
	for _, odd := range o.list {
		key := saidKey{o.path, odd.Kind, odd.subject}
		last, known := in.said[key]
		in.said[key] = now
		odd.Time, odd.Input = now, in.name
		if odd.Path == "" {
			odd.Path = o.path
		}
		if known && now.Sub(last) < saidAge {
			if repeated[odd.Kind] {
				continue
			}
			repeated[odd.Kind], odd.Repeated = true, true
		}
		in.outbox.notice(odd.Notice)
	}
}

// advice is what to change at the encoder.
func advice(kind NoticeKind, subject string) string {
	switch {
	case kind == NoticeIFrames:
		return "turn off the encoder's I-frame playlists, or ignore this: the origin makes its own with iframe_playlist"
	case kind == NoticeSize:
		return "have the encoder list only the last few minutes (ffmpeg: -hls_list_size, and no -hls_playlist_type event), or raise max_playlist_size"
	case kind == NoticeNumbering, subject == "EXT-X-MEDIA-SEQUENCE":
		return "number the segments: the playlist needs one EXT-X-MEDIA-SEQUENCE, which grows as segments leave it"
	case kind == NoticeMultivariants:
		return "have the encoder send one multivariant playlist that names all renditions; after a new start under other names, there is nothing to do"
	case kind == NoticeTrack:
		return "check the encoder's source: the track is configured, but gets no media"
	case kind == NoticeKind(hls.NoteCharacters):
		return "write playlists in UTF-8 without control characters"
	case (subject == "URI" || subject == "EXT-X-MAP") && kind == NoticeKind(hls.NoteEntry):
		return "every URI must be below the input's own path; relative names are best (ffmpeg: no -hls_base_url)"
	case subject == "EXT-X-PROGRAM-DATE-TIME":
		return "write dates like 2026-11-23T05:00:00.000Z"
	}
	return ""
}

// Waits reports whether the notice is about something that the input waits for.
func (n Notice) Waits() bool { return slices.Contains(WaitKinds, n.Kind) }

// Noticed reports whether it is worth knowing, and has no effect by itself.
func (n Notice) Noticed() bool { return slices.Contains(NoticedKinds, n.Kind) }
