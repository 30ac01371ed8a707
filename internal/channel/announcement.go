package channel

import (
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// announcement is an encoder's multivariant playlist and its path.
type announcement struct {
	path     string
	playlist *hls.MultivariantPlaylist
}

// announced are the multivariant playlists of the inputs that have one.
func announced(inputs []*input) []output.Announcement {
	var list []output.Announcement
	for _, in := range inputs {
		list = append(list, in.announcement()...)
	}
	return list
}

// announcedFor are the multivariant playlists in the order in which they count for the
// viewers of an endpoint: that of the active input first, then those of the others that are
// up. What one input says about itself does not decide what viewers of another see.
func announcedFor(inputs []*input, active string) []output.Announcement {
	var first, others []output.Announcement
	for _, in := range inputs {
		switch {
		case in.name == active:
			first = in.announcement()
		case in.up:
			others = append(others, in.announcement()...)
		}
	}
	return append(first, others...)
}

// announcement is the input's multivariant playlist, if it has one.
func (in *input) announcement() []output.Announcement {
	if m := in.multivariant; m != nil {
		return []output.Announcement{{BasePath: in.config.Load().BasePath, Path: m.path, Playlist: m.playlist}}
	}
	return nil
}
