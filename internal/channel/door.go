package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// doors are the media playlists that an input has sent lately. What was let in counts,
// whatever became of it: a rendition that was deleted is still one that viewers have seen.
// It is guarded by shelf.mu.
type doors map[string]time.Time // when the playlist came last, by path

// silence is how long a playlist has to be silent before another one may take its
// place: an encoder that comes back under other names is let in after that, and one that
// makes up new names never gets more than the limit at a time.
const silence = 15 * time.Second

// admit lets a media playlist in, of which there may be at most limit. The caller holds the
// lock.
func (s *shelf) admit(name string, limit int, now time.Time) error {
	if s.doors == nil {
		s.doors = doors{}
	}
	if _, known := s.doors[name]; !known && len(s.doors) >= limit {
		oldest := ""
		for path, at := range s.doors {
			if oldest == "" || at.Before(s.doors[oldest]) {
				oldest = path
			}
		}
		if now.Sub(s.doors[oldest]) < silence {
			return refuse(TooMany, "more than %d media playlists within %v (max_renditions): an encoder should use the same names at each start", limit, silence)
		}
		delete(s.doors, oldest)
		s.dropText(oldest)
	}
	s.doors[name] = now
	return nil
}

// forgetSilent forgets playlists that have been silent for very long.
func (s *shelf) forgetSilent(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, at := range s.doors {
		if now.Sub(at) > 40*silence {
			delete(s.doors, path)
			s.dropText(path)
		}
	}
}

// limitTexts sets how long one playlist may be, in bytes.
func (s *shelf) limitTexts(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxText = size
}

// dropText forgets the text of a playlist.
func (s *shelf) dropText(path string) {
	if f, ok := s.files[path]; ok && f.text != nil {
		delete(s.files, path)
	}
}

// boundTexts keeps the texts that are held for the encoder's own GET within four times the
// largest one allowed. The oldest go first; name stays.
func (s *shelf) boundTexts(name string) {
	limit, sum := 4*max(s.maxText, 1<<20), int64(0)
	for _, f := range s.files {
		sum += int64(len(f.text))
	}
	for sum > limit {
		oldest := ""
		for path, f := range s.files {
			if f.text != nil && path != name && (oldest == "" || f.modified.Before(s.files[oldest].modified)) {
				oldest = path
			}
		}
		if oldest == "" {
			return
		}
		sum -= int64(len(s.files[oldest].text))
		delete(s.files, oldest)
	}
}

// announcedPaths are the playlists that a multivariant playlist names.
func announcedPaths(config *InputConfig, at string, m *hls.MultivariantPlaylist) []string {
	var paths []string
	add := func(uri string) {
		if path, err := hls.ResolveURI(config.BasePath, at, uri); uri != "" && err == nil {
			paths = append(paths, path)
		}
	}
	for _, v := range m.Variants {
		add(v.URI)
	}
	for _, r := range m.Renditions {
		add(r.URI)
	}
	return paths
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
