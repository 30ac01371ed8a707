package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// doors are the media playlists that an input has brought lately. What was let in
// counts, whatever has become of it: a rendition that was deleted is still one that
// viewers have seen. It is guarded by input.mu.
type doors map[string]time.Time // when the playlist came last, by path

// silence is how long a playlist has to be silent before another one may take its
// place: an encoder that comes back under other names is let in after that, and one
// that makes up names gets no further than with as many at a time.
const silence = 15 * time.Second

// admit lets a media playlist in, of which there may be limit. The caller holds the
// lock.
func (in *input) admit(name string, limit int, now time.Time) error {
	if in.doors == nil {
		in.doors = doors{}
	}
	if _, known := in.doors[name]; !known && len(in.doors) >= limit {
		oldest := ""
		for path, at := range in.doors {
			if oldest == "" || at.Before(in.doors[oldest]) {
				oldest = path
			}
		}
		if now.Sub(in.doors[oldest]) < silence {
			return refuse(TooMany, "more than %d media playlists within %v (max_renditions): an encoder should use the same names at each start", limit, silence)
		}
		delete(in.doors, oldest)
		in.dropText(oldest)
	}
	in.doors[name] = now
	return nil
}

// forgetSilent forgets playlists that were silent for very long.
func (in *input) forgetSilent(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for path, at := range in.doors {
		if now.Sub(at) > 40*silence {
			delete(in.doors, path)
			in.dropText(path)
		}
	}
}

// limitTexts sets how long one playlist may be, in bytes.
func (in *input) limitTexts(size int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.maxText = size
}

// dropText forgets the text of a playlist.
func (in *input) dropText(path string) {
	if f, ok := in.files[path]; ok && f.text != nil {
		delete(in.files, path)
	}
}

// boundTexts keeps the texts that are there for the encoder's own GET within four
// times the largest one that is allowed. The oldest go first; name stays.
func (in *input) boundTexts(name string) {
	limit, sum := 4*max(in.maxText, 1<<20), int64(0)
	for _, f := range in.files {
		sum += int64(len(f.text))
	}
	for sum > limit {
		oldest := ""
		for path, f := range in.files {
			if f.text != nil && path != name && (oldest == "" || f.modified.Before(in.files[oldest].modified)) {
				oldest = path
			}
		}
		if oldest == "" {
			return
		}
		sum -= int64(len(in.files[oldest].text))
		delete(in.files, oldest)
	}
}

// claimIDs refuses renditions whose name towards viewers is that of another path: the
// name is a sum of the path, and who finds two paths with the same one could put his
// own in the place of another input's. The channel's lock is held.
func (c *Channel) claimIDs(paths ...string) error {
	for _, path := range paths {
		id := output.RenditionID(path)
		if owner, known := c.ids[id]; known && owner != path {
			return refuse(BadPath, "rendition %q has the same identifier as another one: give it another name", path)
		}
	}
	for _, path := range paths {
		if c.ids == nil || len(c.ids) >= maxIDs {
			c.ids = map[string]string{}
			c.claimServed()
		}
		c.ids[output.RenditionID(path)] = path
	}
	return nil
}

// maxIDs is how many identifiers are remembered.
const maxIDs = 10000

// claimServed enters what endpoints serve now.
func (c *Channel) claimServed() {
	for _, e := range c.endpoints {
		slots := e.window.Slots()
		if len(slots) == 0 {
			continue
		}
		for _, r := range slots[len(slots)-1].Renditions {
			c.ids[r.ID] = r.Path
		}
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

// warnOfTags says that a playlist has more lines than go on to viewers.
func (c *Channel) warnOfTags(input, name string, m *hls.MediaPlaylist) {
	for i := range m.Segments {
		if output.TooManyTags(m.Segments[i].Tags) {
			c.overLimit(input, LimitTags, name, "segments with more than %d lines or %d bytes of tags: the rest of them is dropped",
				output.MaxTagLines, output.MaxTagBytes)
			return
		}
	}
}
