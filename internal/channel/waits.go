package channel

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// waits are what an input waits for: an initialization section, a multivariant
// playlist that can be read, a rendition that is announced. It is guarded by
// Channel.mu.
type waits struct {
	began   map[waitKey]time.Time
	told    map[waitKey]Notice
	checked time.Time
	refused refusals
}

type waitKey struct {
	kind NoticeKind
	path string
}

// waitInterval is how often an input is checked.
const waitInterval = 500 * time.Millisecond

// maxWaits bounds what is reported about one input at a time.
const maxWaits = 32

// checkWaits reports what an input has been waiting for, for more than two segment lengths,
// and what is there again. The lock is held.
func (in *input) checkWaits() {
	now := time.Now()
	w := &in.waits
	if now.Sub(w.checked) < waitInterval {
		return
	}
	w.checked = now
	if w.began == nil {
		w.began, w.told = map[waitKey]time.Time{}, map[waitKey]Notice{}
	}
	current := in.waitsFor()
	limit := 2 * in.segmentLength()
	for key, missing := range current {
		began, known := w.began[key]
		if !known {
			if len(w.began) < maxWaits {
				w.began[key] = now
			}
			continue
		}
		if _, told := w.told[key]; told || now.Sub(began) <= limit {
			continue
		}
		n := Notice{Time: began, Input: in.name, Path: key.path, Kind: key.kind, Text: missing.text, Advice: missing.advice}
		w.told[key] = n
		in.outbox.notice(n)
	}
	for key := range w.began {
		if _, still := current[key]; still {
			continue
		}
		delete(w.began, key)
		if n, told := w.told[key]; told {
			delete(w.told, key)
			n.Time, n.Over, n.Advice = now, true, ""
			in.outbox.notice(n)
		}
	}
}

// want is what an input waits for, and what to change at the encoder.
type want struct{ text, advice string }

// waitsFor lists what is missing now, with what it means.
func (in *input) waitsFor() map[waitKey]want {
	current := map[waitKey]want{}
	for object, f := range in.binder.waiting {
		if f.listed == nil || in.binder.reused(object, f) {
			continue // a playlist is about to come, or else there is none to name
		}
		key := waitKey{WaitInit, f.listed.inits[object]}
		if _, known := current[key]; known {
			continue
		}
		what := "which has not arrived"
		if in.arrives(key.path, time.Time{}) {
			what = "whose upload has not finished"
		}
		current[key] = want{
			text:   fmt.Sprintf("segments are waiting for the initialization section %s, %s", key.path, what),
			advice: "restart the encoder's output, so that it sends the initialization section again",
		}
	}
	for path, l := range in.lists {
		if l.noInit != "" && in.listsUnbound(l) {
			current[waitKey{WaitInit, path}] = want{
				text:   fmt.Sprintf("the playlist lists fragments of MP4, and says nothing about where their initialization section is: %s. They can't be served", l.noInit),
				advice: "have the encoder write EXT-X-MAP with a relative name, and send that section to the input as well",
			}
		}
	}
	in.waitsForRefused(current)
	newest := in.newest()
	for _, path := range in.announced {
		switch l := in.lists[path]; {
		case newest.IsZero(): // an input that sends nothing at all is down
		case in.waits.refused.by[path] != nil: // it is told by itself
		case l == nil || l.fresh.IsZero():
			current[waitKey{WaitRendition, path}] = in.wantRendition(path, "has not arrived")
		case newest.Sub(l.fresh) > 2*l.length:
			current[waitKey{WaitRendition, path}] = in.wantRendition(path, "lists nothing new")
		}
	}
	in.waitsForEachOther(current)
	return current
}

// wantRendition says which multivariant playlist announces the rendition. It may be one that an
// encoder before this one sent, which nobody else would think of: some send none at all.
func (in *input) wantRendition(path, what string) want {
	n := slices.IndexFunc(in.multivariants, func(a *announcement) bool { return a.names(path) })
	if n < 0 {
		return want{text: "the rendition is announced, but its media playlist " + what}
	}
	by, kept := in.multivariants[n], ""
	if by.recalled {
		kept = " (kept from before the restart)"
	}
	return want{
		text: fmt.Sprintf("the rendition is announced in the multivariant playlist %s%s, but its media playlist %s", by.path, kept, what),
		advice: "check whether the encoder has this output, and whether its uploads are refused; if it no longer sends " + by.path +
			", put one there that names what it does send",
	}
}

// waitsForEachOther adds playlists whose segments don't come, and media that no playlist
// lists. An encoder may put both in different folders, or send only one of them: each upload
// is fine by itself, and nothing is ever on air.
func (in *input) waitsForEachOther(current map[waitKey]want) {
	for path, l := range in.lists {
		if l.known || len(l.recent) == 0 || slices.ContainsFunc(l.recent, in.isHere) {
			continue
		}
		missing := want{
			text:   "none of the segments that the playlist lists has arrived, or all were refused; the newest one is " + l.recent[len(l.recent)-1],
			advice: "check whether the encoder's uploads of segments are refused, or go elsewhere",
		}
		if other := in.sameNameElsewhere(l.recent); other != "" {
			missing.text += fmt.Sprintf(". The encoder sends %s, which no playlist lists", other)
			missing.advice = "have the encoder put its playlist into the folder of its segments, or list them with that folder"
		}
		current[waitKey{WaitMedia, path}] = missing
	}
	if n := len(in.unlisted.queue); n > 0 && len(in.lists) == 0 && !in.waits.refused.media() {
		current[waitKey{WaitPlaylist, ""}] = want{
			text:   fmt.Sprintf("media arrives, the newest of it is %s, and no playlist: without one nothing can be served", in.unlisted.queue[n-1].path),
			advice: "have the encoder send its HLS playlist to the input as well",
		}
	}
}

// isHere reports whether a segment has come and waits for something that is told by itself.
func (in *input) isHere(object string) bool {
	_, held := in.held[object]
	return held || in.binder.waiting[object] != nil
}

// sameNameElsewhere finds what was sent to another folder than the one where a playlist
// lists it, empty if there is nothing.
func (in *input) sameNameElsewhere(listed []string) string {
	newest := in.unlisted.queue[max(0, len(in.unlisted.queue)-recentObjects):]
	for _, object := range slices.Backward(listed) {
		for _, o := range newest {
			if path.Base(o.path) == path.Base(object) {
				return o.path
			}
		}
	}
	return ""
}

// listsUnbound reports whether the newest of what a playlist lists are fragments that no
// playlist has an initialization section for.
func (in *input) listsUnbound(l *listing) bool {
	if len(in.binder.waiting) == 0 {
		return false
	}
	return slices.ContainsFunc(l.recent, func(object string) bool {
		f := in.binder.waiting[object]
		return f != nil && f.listed == nil
	})
}
