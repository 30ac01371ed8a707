package channel

import "time"

// doors are the media playlists that an input has sent lately. What was let in counts,
// whatever became of it: a rendition that was deleted is still one that viewers have seen.
// It is guarded by shelf.mu.
type doors map[string]door // by path

type door struct {
	came time.Time // the playlist, last
	// length is how long its segments are, 0 if that is not known.
	length time.Duration
}

const (
	// silence is how long a playlist has to be silent before another one may take its
	// place: an encoder that comes back under other names is let in after that, and one that
	// makes up new names never gets more than the limit at a time.
	silence = 15 * time.Second
	// With long segments a playlist comes less often: it has to be silent for silentTimes of
	// them, but for no longer than mostSilence, as it is the encoder that says how long they
	// are.
	silentTimes = 3
	mostSilence = 2 * time.Minute
)

// silence is how long the playlist has to be silent.
func (d door) silence() time.Duration {
	return max(silence, min(silentTimes*d.length, mostSilence))
}

// admit lets a media playlist in, of which there may be at most limit. The caller holds the
// lock.
func (s *shelf) admit(name string, limit int, now time.Time) error {
	if s.doors == nil {
		s.doors = doors{}
	}
	known, ok := s.doors[name]
	if !ok && len(s.doors) >= limit {
		first, wait := "", time.Duration(0)
		for path, d := range s.doors {
			if left := d.silence() - now.Sub(d.came); first == "" || left < wait {
				first, wait = path, left
			}
		}
		if wait > 0 || first == "" {
			return refuse(TooMany, "more than %d media playlists within %v (max_renditions): an encoder should use the same names at each start", limit, s.doors[first].silence())
		}
		delete(s.doors, first)
		s.dropText(first)
	}
	s.doors[name] = door{came: now, length: known.length}
	return nil
}

// paced records how long the segments of a playlist are.
func (s *shelf) paced(name string, length time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.doors[name]; ok {
		d.length = length
		s.doors[name] = d
	}
}

// forgetSilent forgets playlists that have been silent for very long.
func (s *shelf) forgetSilent(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, d := range s.doors {
		if now.Sub(d.came) > 40*silence {
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
