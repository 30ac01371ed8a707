package hls

import "fmt"

// Note is something in a playlist that made no sense and was passed over. The
// rest of the playlist was read.
type Note struct {
	// Line is the first line that it was found in, from 1. Times is how many lines of the
	// playlist are like it.
	Line, Times int
	Kind        NoteKind
	// Subject is the tag or attribute without "#", such as "EXTINF" or
	// "FRAME-RATE"; empty if it is neither.
	Subject string
	// Text says what was found and what was done about it. It may quote a short,
	// escaped piece of the line.
	Text string
}

// NoteKind is what was passed over, in one word. The words are stable: they
// appear in logs and metrics.
type NoteKind string

const (
	// NoteValue is a value that only describes media: it is dropped, and
	// measured instead.
	NoteValue NoteKind = "value"
	// NoteEntry is one segment, variant or rendition that was left out.
	NoteEntry NoteKind = "entry"
	// NoteLine is a line that does not belong where it is.
	NoteLine NoteKind = "line"
	// NoteCharacters are bytes that a playlist must not hold.
	NoteCharacters NoteKind = "characters"
)

// NoteKinds are all of them.
var NoteKinds = []NoteKind{NoteValue, NoteEntry, NoteLine, NoteCharacters}

// maxNotes bounds how many different things are noted about one playlist. If everything is
// odd, the first ones are enough to show it.
const maxNotes = 32

// notes gathers what a reader passes over. Those that are alike become one note.
type notes struct{ list []Note }

func (n *notes) add(line int, kind NoteKind, subject, format string, args ...any) {
	if n == nil {
		return
	}
	for i := range n.list {
		if n.list[i].Kind == kind && n.list[i].Subject == subject {
			n.list[i].Times++
			return
		}
	}
	if len(n.list) < maxNotes {
		n.list = append(n.list, Note{Line: line, Times: 1, Kind: kind, Subject: subject, Text: fmt.Sprintf(format, args...)})
	}
}

// measuredInstead says what is done about a value that makes no sense.
const measuredInstead = "ignored, the measured value is used"
