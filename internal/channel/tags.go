package channel

import (
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

const (
	// maxTagLines and maxTagBytes limit the lines of one segment, and of one slot,
	// that go on to viewers: every one of them is in every playlist that lists it.
	maxTagLines = 64
	maxTagBytes = 64 << 10
)

// LimitError says what was dropped because an input is over a limit. The channel goes on;
// an operator should look at the encoder.
type LimitError struct{ Text string }

func (e *LimitError) Error() string { return e.Text }

// overLimit tells the observer.
func (c *Channel) overLimit(format string, args ...any) {
	c.outbox.trouble(c.name, &LimitError{fmt.Sprintf(format, args...)})
}

// tagBudget counts lines that go on to viewers.
type tagBudget struct{ lines, bytes int }

// take reports whether there is room for the line.
func (b *tagBudget) take(line string) bool {
	if b.lines >= maxTagLines || b.bytes+len(line) > maxTagBytes {
		return false
	}
	b.lines++
	b.bytes += len(line)
	return true
}

// warnOfTags says that a playlist has more lines than go on to viewers.
func (c *Channel) warnOfTags(input, name string, m *hls.MediaPlaylist) {
	for i := range m.Segments {
		if over(m.Segments[i].Tags) {
			c.overLimit("input %s: %s has segments with more than %d lines or %d bytes of tags: the rest of them is dropped",
				input, name, maxTagLines, maxTagBytes)
			return
		}
	}
}

func over(lines []string) bool {
	var budget tagBudget
	for _, line := range lines {
		if isCarried(line) && !budget.take(line) {
			return true
		}
	}
	return false
}
