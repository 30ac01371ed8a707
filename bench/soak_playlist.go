package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// shown is a media playlist as a viewer reads it. It is read by code of its own: the
// origin's would share its faults.
type shown struct {
	sequence int // of the first entry
	target   int
	entries  []entry
}

// entry is one segment of a playlist.
type entry struct {
	sequence int
	uri      string
	seconds  float64
	date     time.Time
	broken   bool // there is a discontinuity before it
	breaks   int  // its discontinuity sequence number
	gap      bool
}

func readPlaylist(text string) (*shown, error) {
	if !strings.HasPrefix(text, "#EXTM3U") {
		return nil, fmt.Errorf("no playlist: %.60q", text)
	}
	p := &shown{sequence: -1}
	breaks := 0
	var next entry
	var err error
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-MEDIA-SEQUENCE":
			p.sequence, err = strconv.Atoi(value)
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			breaks, err = strconv.Atoi(value)
		case "#EXT-X-TARGETDURATION":
			p.target, err = strconv.Atoi(value)
		case "#EXTINF":
			seconds, _, _ := strings.Cut(value, ",")
			next.seconds, err = strconv.ParseFloat(seconds, 64)
		case "#EXT-X-PROGRAM-DATE-TIME":
			next.date, err = time.Parse(time.RFC3339Nano, value)
		case "#EXT-X-DISCONTINUITY":
			next.broken = true
			breaks++
		case "#EXT-X-GAP":
			next.gap = true
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		next.uri, next.breaks, next.sequence = line, breaks, p.sequence+len(p.entries)
		p.entries = append(p.entries, next)
		next = entry{}
	}
	if p.sequence < 0 || len(p.entries) == 0 {
		return nil, fmt.Errorf("no segments in %.200q", text)
	}
	return p, nil
}

// last is the number of the last entry.
func (p *shown) last() int { return p.sequence + len(p.entries) - 1 }
