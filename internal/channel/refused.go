package channel

import (
	"bytes"
	"errors"
	"time"
)

// refusals are the playlists of an input that were not accepted, for as long as its encoder goes on sending
// them like that: encoders are deaf, and an input waits for each of them. They are part of waits.
type refusals struct {
	by map[string]*refusedPlaylist
	// taken is when a multivariant playlist was last accepted.
	taken time.Time
}

type refusedPlaylist struct {
	reason       string
	multivariant bool // by what could be read of it
	at           time.Time
}

// outcome adds to what an upload of a playlist does with the lock held that it is noted whether it was
// accepted. One that broke off is neither.
func (d *delivery) outcome(admit func() error, err error) func() error {
	if err == nil {
		return func() error {
			err := admit()
			d.input.waits.refused.note(d.path, err, false)
			return err
		}
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return nil
	}
	multivariant := bytes.Contains(d.text, []byte("#EXT-X-STREAM-INF")) || bytes.Contains(d.text, []byte("#EXT-X-MEDIA:"))
	return func() error {
		d.input.waits.refused.note(d.path, err, multivariant)
		return nil
	}
}

// note records what became of a playlist.
func (r *refusals) note(path string, err error, multivariant bool) {
	if err == nil {
		delete(r.by, path)
		return
	}
	if r.by[path] == nil && len(r.by) >= maxWaits {
		return
	}
	if r.by == nil {
		r.by = map[string]*refusedPlaylist{}
	}
	r.by[path] = &refusedPlaylist{reason: err.Error(), multivariant: multivariant, at: time.Now()}
}

// media reports whether a media playlist was refused.
func (r *refusals) media() bool {
	for _, p := range r.by {
		if !p.multivariant {
			return true
		}
	}
	return false
}

// waitsForRefused adds the playlists that were refused. A multivariant playlist is sent once: it is waited for
// until there is another one. A media playlist comes with every segment: one that no longer comes at all is
// not waited for.
func (in *input) waitsForRefused(current map[waitKey]want) {
	r := &in.waits.refused
	for path, p := range r.by {
		gone := time.Since(p.at) > silentSegments*in.segmentLength()
		switch {
		case gone && (!p.multivariant || r.taken.After(p.at)):
			delete(r.by, path)
		case p.multivariant:
			current[waitKey{WaitMultivariant, path}] = want{
				text:   "the multivariant playlist was refused; the previous one stays in force, or else renditions are classified by their media: " + p.reason,
				advice: "correct what the text names, then have the encoder send the playlist again",
			}
		default:
			current[waitKey{WaitPlaylist, path}] = want{
				text:   "the media playlist is refused, and nothing that it lists can be served; what the last good one listed stays: " + p.reason,
				advice: "correct what the text names at the encoder",
			}
		}
	}
}
