package caddymodule

import (
	"path/filepath"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// block is what has been read of a live_origin block, as far as other lines have to go with it.
type block struct {
	paths  pathSet
	traces map[string]string // channels by file
	// sizes and guarantees are compared with the store at the block's end: it may come later.
	sizes      []segmentSize
	guarantees guarantees
	guaranteed caddyfile.Dispenser // where the last of them is, else the block
}

// segmentSize is a line with max_segment_size.
type segmentSize struct {
	at    caddyfile.Dispenser
	owner string
	input *Input
}

func newBlock(at caddyfile.Dispenser) *block {
	return &block{guaranteed: at, paths: pathSet{}, traces: map[string]string{}, guarantees: guarantees{}}
}

// checkRoom checks what was asked of the store.
func (b *block) checkRoom(limit int64) error {
	for _, s := range b.sizes {
		if err := s.input.checkFits(limit); err != nil {
			return s.at.Errf("%s: %w", s.owner, err)
		}
	}
	if err := b.guarantees.check(limit); err != nil {
		return b.guaranteed.Errf("capacity: %w", err)
	}
	return nil
}

// addTrace refuses two channels with one file, as far as it can be seen before placeholders are
// replaced.
func (b *block) addTrace(d *caddyfile.Dispenser, channel string, t *Trace) error {
	path, err := filepath.Abs(t.Filename)
	if err != nil || placeholder(t.Filename) {
		return nil //nolint:nilerr // it is looked at again when the config is loaded
	}
	if other, taken := b.traces[path]; taken {
		return d.Errf("channel %s: trace: %s is the trace of channel %s", channel, t.Filename, other)
	}
	b.traces[path] = channel
	return nil
}
