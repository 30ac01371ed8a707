package caddymodule

import (
	"maps"
	"path/filepath"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// block is what has been read of a live_origin block, as far as other lines have to go with it.
type block struct {
	file  *caddyfileState
	paths pathSet
	// sizes, guarantees and traces are compared with the store, and with what other blocks want of it,
	// at the block's end: the store may come last.
	sizes      []segmentSize
	guarantees guarantees
	guaranteed caddyfile.Dispenser // where the last of them is, else the block
	traces     []traceLine
	stored     caddyfile.Dispenser // where the store is, else the block
	channels   []channelLine
}

// caddyfileState is what has been read of all the blocks of a Caddyfile.
type caddyfileState struct {
	guarantees map[string]guarantees // by store
	traces     map[string]string     // channels by path
	engines    map[string]string     // options by store
	channels   map[channelKey]string // options
}

// channelLine is a line with channel.
type channelLine struct {
	at      caddyfile.Dispenser
	name    string
	channel *Channel
}

// traceLine is a line with trace.
type traceLine struct {
	at      caddyfile.Dispenser
	channel string
	trace   *Trace
}

// segmentSize is a line with max_segment_size.
type segmentSize struct {
	at    caddyfile.Dispenser
	owner string
	input *Input
}

func newCaddyfileState() *caddyfileState {
	return &caddyfileState{
		guarantees: map[string]guarantees{}, traces: map[string]string{},
		engines: map[string]string{}, channels: map[channelKey]string{},
	}
}

// stateOf is that of the Caddyfile that is being read.
func stateOf(state map[string]any) *caddyfileState {
	const key = "live_origin"
	f, ok := state[key].(*caddyfileState)
	if !ok {
		f = newCaddyfileState()
		state[key] = f
	}
	return f
}

func newBlock(f *caddyfileState, at caddyfile.Dispenser) *block {
	return &block{file: f, guaranteed: at, stored: at, paths: pathSet{}, guarantees: guarantees{}}
}

// check checks what goes together with the store, as far as it can be seen before placeholders are
// replaced: what passes is checked again when the config is loaded.
func (b *block) check(e Engine) error {
	limit, id := limitOf(e), ""
	if _, ours := e.(limitedEngine); ours { // others may not have one yet
		id = e.Identity()
	}
	for _, s := range b.sizes {
		if err := s.input.checkFits(limit); err != nil {
			return s.at.Errf("%s: %w", s.owner, err)
		}
	}
	if id != "" {
		if err := b.checkOthers(id, e); err != nil {
			return err
		}
	}
	all := b.file.guarantees[id]
	if all == nil {
		all = guarantees{}
		b.file.guarantees[id] = all
	}
	maps.Copy(all, b.guarantees)
	if err := all.check(limit); err != nil {
		return b.guaranteed.Errf("capacity: %w", err)
	}
	for _, t := range b.traces {
		if err := b.file.addTrace(t); err != nil {
			return err
		}
	}
	return nil
}

// addTrace refuses two channels with one file.
func (f *caddyfileState) addTrace(t traceLine) error {
	path, err := filepath.Abs(t.trace.Filename)
	if err != nil || placeholder(t.trace.Filename) {
		return nil //nolint:nilerr // it is looked at again when the config is loaded
	}
	if other, taken := f.traces[path]; taken && other != t.channel {
		return t.at.Errf("channel %s: trace: %s is the trace of channel %s", t.channel, t.trace.Filename, other)
	}
	f.traces[path] = t.channel
	return nil
}
