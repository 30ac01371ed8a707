package main

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"
)

// diary keeps the origin's log, so that a finding can quote what was said of its channel at
// that time.
type diary struct {
	to io.Writer // all of it

	mu     sync.Mutex
	quotes map[string][]quote // by channel, empty for lines of none
	errors int
	panics []string
}

type quote struct {
	at   time.Time
	text string
}

// diaryLines is how many lines are kept of each channel.
const diaryLines = 2000

func makeDiary(to io.Writer) *diary { return &diary{to: to, quotes: map[string][]quote{}} }

// of takes the log of a node.
func (d *diary) of(node string) func(string) {
	return func(text string) { d.line(node, text) }
}

func (d *diary) line(node, text string) {
	var line struct {
		Level   string  `json:"level"`
		Channel string  `json:"channel"`
		Time    float64 `json:"ts"`
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.to, node+" "+text+"\n")
	if json.Unmarshal([]byte(text), &line) != nil {
		if strings.HasPrefix(text, "panic:") || strings.HasPrefix(text, "fatal error:") {
			d.panics = append(d.panics, text)
		}
		return
	}
	if line.Level == "error" || line.Level == "panic" {
		d.errors++
	}
	if line.Level == "panic" || strings.Contains(text, "panic") {
		d.panics = append(d.panics, text)
	}
	kept := append(d.quotes[line.Channel], quote{time.UnixMicro(int64(line.Time * 1e6)), node + " " + text})
	d.quotes[line.Channel] = kept[max(0, len(kept)-diaryLines):]
}

// about quotes what was said of a channel around a time, a few lines at most.
func (d *diary) about(channel string, at time.Time, before, after time.Duration, most int) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, q := range d.quotes[channel] {
		if off := q.at.Sub(at); off >= -before && off <= after {
			out = append(out, q.at.Format(clockFormat)+" "+q.text)
		}
	}
	return out[:min(len(out), most)]
}
