package channel

import (
	"fmt"
	"time"
)

// waits are what an input waits for: an initialization section, a multivariant
// playlist that can be read, a rendition that is announced. It is guarded by
// Channel.mu.
type waits struct {
	began   map[waitKey]time.Time
	told    map[waitKey]Notice
	checked time.Time
	// refused is why the last multivariant playlist was not taken, at refusedPath.
	refused, refusedPath string
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
	for key, text := range current {
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
		n := Notice{Time: began, Input: in.name, Path: key.path, Kind: key.kind, Text: text, Advice: waitAdvice[key.kind]}
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

var waitAdvice = map[NoticeKind]string{
	WaitInit:         "restart the encoder's output, so that it sends the initialization section again",
	WaitMultivariant: "correct what the text names, then have the encoder send the playlist again",
	WaitRendition:    "check whether the encoder has this output, and whether its uploads are refused",
}

// waitsFor lists what is missing now, with what it means.
func (in *input) waitsFor() map[waitKey]string {
	current := map[waitKey]string{}
	for object := range in.binder.waiting {
		path := in.binder.missingInit(object)
		if path == "" {
			continue
		}
		text := fmt.Sprintf("segments are waiting for the initialization section %s, which has not arrived", path)
		if in.arrives(path, time.Time{}) {
			text = fmt.Sprintf("segments are waiting for the initialization section %s, whose upload has not finished", path)
		}
		current[waitKey{WaitInit, path}] = text
	}
	if w := &in.waits; w.refused != "" {
		current[waitKey{WaitMultivariant, w.refusedPath}] =
			"the multivariant playlist was refused; the previous one stays in force, or else renditions are classified by their media: " + w.refused
	}
	newest := time.Time{}
	for _, l := range in.lists {
		if l.fresh.After(newest) {
			newest = l.fresh
		}
	}
	for _, path := range in.announced {
		switch l := in.lists[path]; {
		case newest.IsZero(): // an input that sends nothing at all is down
		case l == nil || l.fresh.IsZero():
			current[waitKey{WaitRendition, path}] = "the rendition is announced in the multivariant playlist, but its media playlist has not arrived"
		case newest.Sub(l.fresh) > 2*l.length:
			current[waitKey{WaitRendition, path}] = "the rendition is announced in the multivariant playlist, but its media playlist lists nothing new"
		}
	}
	return current
}

// refusedMultivariant records a multivariant playlist that was not accepted; with an empty
// reason, one that was.
func (in *input) refusedMultivariant(path, reason string) {
	in.waits.refused, in.waits.refusedPath = reason, path
}
