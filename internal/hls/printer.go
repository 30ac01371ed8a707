package hls

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/grafov/m3u8"
)

// printer is a playlist of the library, and what else it takes to print one. Most are of one
// segment, which a live playlist has more than the one before, or of none, for its head: those are
// used again, as there are some for each slot and rendition.
type printer struct {
	list     *m3u8.MediaPlaylist
	segments []m3u8.MediaSegment
	custom   map[string]m3u8.CustomTag
	head     headTag
	lines    bytes.Buffer // of a segment
}

// headTag carries the lines at playlist level that the library has no field for.
type headTag struct{ text bytes.Buffer }

func (t *headTag) TagName() string       { return "" }
func (t *headTag) String() string        { return t.text.String() }
func (t *headTag) Encode() *bytes.Buffer { return &t.text }

// smallPrinter is how many segments one takes that is used again.
const smallPrinter = 4

var smallPrinters = sync.Pool{New: func() any {
	p, _ := newPrinter(smallPrinter) // it only fails for a window that is longer than that
	return p
}}

func newPrinter(segments int) (*printer, error) {
	// Window size 0 prints all segments. A capacity of 0 would panic.
	list, err := m3u8.NewMediaPlaylist(0, uint(max(1, segments)))
	if err != nil {
		return nil, fmt.Errorf("create playlist: %w", err)
	}
	p := &printer{list: list, segments: make([]m3u8.MediaSegment, segments), custom: map[string]m3u8.CustomTag{}}
	list.SetCustomTag(&p.head)
	return p, nil
}

// printerFor returns an empty printer for so many segments, to be released.
func printerFor(segments int) (*printer, error) {
	if segments <= smallPrinter {
		return smallPrinters.Get().(*printer), nil
	}
	return newPrinter(segments)
}

// release empties the printer.
func (p *printer) release() {
	if len(p.segments) != smallPrinter {
		return
	}
	for p.list.Count() > 0 {
		_ = p.list.Remove() // it only fails for an empty one
	}
	clear(p.segments)
	clear(p.custom)
	p.head.text.Reset()
	smallPrinters.Put(p)
}

// print lets the library print the playlist of the writer. What it returns is the printer's own,
// until that is released.
func (p *printer) print(w *mediaWriter, version uint8) ([]byte, error) {
	m := w.list
	p.list.SetVersion(version)
	p.list.SeqNo = m.MediaSequence
	p.list.Closed = m.EndList
	// The type goes into the head, not into MediaType: there, EVENT brings
	// along an EXT-X-ALLOW-CACHE:NO, which protocol version 7 removed.
	w.head(&p.head.text)
	p.custom[""], w.lines = w, &p.lines
	for i := range m.Segments {
		from, to := &m.Segments[i], &p.segments[i]
		to.URI, to.Title, to.Discontinuity = from.URI, from.Title, from.Discontinuity
		if from.ByteRange != nil {
			to.Limit, to.Offset = from.ByteRange.Length, from.ByteRange.Offset
		}
		to.Custom = p.custom
		// Duration stays 0: see appendWithDurations.
		if err := p.list.AppendSegment(to); err != nil {
			return nil, fmt.Errorf("append segment %d: %w", i, err)
		}
	}
	// After appending, which may raise it.
	p.list.TargetDuration = float64(m.TargetDuration)
	// What was printed before is still there if nothing was appended.
	p.list.ResetCache()
	rendered := p.list.Encode().Bytes()
	return rendered, w.err
}
