package output

import (
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

const (
	// MaxTagLines and MaxTagBytes limit the lines of one segment, and of one slot,
	// that are passed on to viewers: each of them is in every playlist that lists the slot.
	MaxTagLines = 64
	MaxTagBytes = 64 << 10
)

// tagBudget counts lines that are passed on to viewers.
type tagBudget struct{ lines, bytes int }

// take reports whether there is room for the line.
func (b *tagBudget) take(line string) bool {
	if b.lines >= MaxTagLines || b.bytes+len(line) > MaxTagBytes {
		return false
	}
	b.lines++
	b.bytes += len(line)
	return true
}

// TooManyTags reports whether a segment has more lines than are passed on to viewers.
func TooManyTags(lines []string) bool {
	var budget tagBudget
	for _, line := range lines {
		if carried, _ := hls.Carried(line); carried && !budget.take(line) {
			return true
		}
	}
	return false
}
