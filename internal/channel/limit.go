package channel

import (
	"fmt"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// Kinds of what was dropped because an input is over a limit. The channel goes on; an
// operator should look at the encoder.
const (
	// LimitUnlisted: more media that no playlist lists than the input may have.
	LimitUnlisted NoticeKind = "limit_unlisted"
	// LimitRoom: media that no playlist lists, in a channel that has used up its share of
	// the store.
	LimitRoom NoticeKind = "limit_room"
	// LimitTags: more lines of tags than are passed on to viewers.
	LimitTags NoticeKind = "limit_tags"
)

// LimitKinds are all of them.
var LimitKinds = []NoticeKind{LimitUnlisted, LimitRoom, LimitTags}

// Limited reports whether the notice is about something that was dropped over a limit.
func (n Notice) Limited() bool { return slices.Contains(LimitKinds, n.Kind) }

// overLimit reports what was dropped. path is what it is about, where that is one thing.
func (in *input) overLimit(limit NoticeKind, path, format string, args ...any) {
	n := Notice{Time: time.Now(), Input: in.name, Path: path, Kind: limit, Text: fmt.Sprintf(format, args...)}
	in.remarks.add(n)
	in.outbox.notice(n)
}

// warnOfTags reports a playlist with more tag lines than are passed on to viewers.
func (in *input) warnOfTags(name string, m *hls.MediaPlaylist) {
	for i := range m.Segments {
		if output.TooManyTags(m.Segments[i].Tags) {
			in.overLimit(LimitTags, name, "segments with more than %d lines or %d bytes of tags: the rest of them is dropped",
				output.MaxTagLines, output.MaxTagBytes)
			return
		}
	}
}
