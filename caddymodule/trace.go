package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// Trace records what a channel's decisions are based on: what was uploaded and listed, and
// when; no media. `caddy live-origin replay` makes the decisions again from the file, with
// the same options or with others.
type Trace struct {
	// The file to append to. Its directory is created if it does not exist. Placeholders
	// are replaced when the config is loaded. Two channels can't share a file. Required.
	Filename string `json:"filename,omitempty"`

	// How large the file may become before another one is begun, in bytes, besides what it
	// begins with: where the channel stands. The time is added to the name of the old one. A pair of encoders with three renditions and 2 s
	// segments writes some 250 MiB a day. From 1 KiB to 1 TiB. Default: 67108864 (64 MiB).
	RollSize int64 `json:"roll_size,omitempty"`

	// How many old files are kept, up to 10000. Default: 10.
	RollKeep int `json:"roll_keep,omitempty"`
}

const (
	defaultRollSize = 64 << 20
	defaultRollKeep = 10
)

func (t *Trace) provision() error {
	t.RollSize, t.RollKeep = cmp.Or(t.RollSize, defaultRollSize), cmp.Or(t.RollKeep, defaultRollKeep)
	var err error
	if t.Filename, err = resolve(t.Filename); err != nil {
		return fmt.Errorf("filename: %w", err)
	}
	if t.Filename == "" {
		return errors.New("filename: is required")
	}
	return cmp.Or(about("roll_size", checkRollSize(t.RollSize)), about("roll_keep", checkRollKeep(int64(t.RollKeep))))
}

// unmarshal reads trace <file> { roll_size <size>; roll_keep <number> }.
func (t *Trace) unmarshal(d *caddyfile.Dispenser, owner string) error {
	if !d.AllArgs(&t.Filename) {
		return d.Errf("%s: trace needs exactly one value", owner)
	}
	owner += ", trace"
	if err := literal(notEmpty)(t.Filename); err != nil {
		return d.Errf("%s: filename: %w", owner, err)
	}
	return eachOption(d, owner, func() (err error) {
		switch d.Val() {
		case "roll_size":
			err = readSize(d, owner, &t.RollSize, checkRollSize)
		case "roll_keep":
			err = readNumber(d, owner, &t.RollKeep, checkRollKeep)
		default:
			err = unrecognized(d, "trace")
		}
		return err
	})
}

// checkTraceFile refuses two channels with one file.
func (a *App) checkTraceFile(key channelKey, t *Trace) error {
	if t == nil {
		return nil
	}
	path, err := filepath.Abs(t.Filename)
	if err != nil {
		return fmt.Errorf("filename: %w", err)
	}
	for _, u := range a.channels {
		if u.spec.Trace == nil || u.key == key {
			continue
		}
		if other, err := filepath.Abs(u.spec.Trace.Filename); err == nil && other == path {
			return fmt.Errorf("filename: %s is the trace of channel %s", t.Filename, u.key.name)
		}
	}
	return nil
}

// traceFile is an open trace. It outlives configs that do not change it.
type traceFile struct {
	options Trace
	logger  *zap.Logger

	mu   sync.Mutex
	file *timberjack.Logger
	// written counts what is in the file besides its checkpoint, and opened is that one's time.
	written int64
	opened  time.Time
	// awaiting: a checkpoint was asked for, and comes behind what else waits to be written.
	awaiting bool
	// torn: the last line has no end. failing: what came after it is missing, and retried
	// is when that was last attempted again.
	torn, failing bool
	retried       time.Time
}

// traceRetry is how often to try again after a trace could not be written.
const traceRetry = 10 * time.Second

// rolledByHand is larger than any file gets: when to begin another one is decided here,
// because it has to begin with a checkpoint.
const rolledByHand = 1 << 20 // MiB

func openTrace(t Trace) (*traceFile, error) {
	if err := os.MkdirAll(filepath.Dir(t.Filename), 0o700); err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	// The library opens the file with the first record, which would be too late to
	// refuse the config.
	f, err := os.OpenFile(t.Filename, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	size, torn, err := endOf(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	return &traceFile{
		options: t, written: size, torn: torn, logger: caddy.Log().Named("live_origin"),
		file: &timberjack.Logger{
			Filename: t.Filename, MaxSize: rolledByHand, MaxBackups: t.RollKeep, FileMode: fs.FileMode(0o600), Compression: "none",
		},
	}, nil
}

// endOf returns the size of a trace, and whether its last line has no end: a process that
// dies may leave it torn.
func endOf(f *os.File) (size int64, torn bool, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return info.Size(), last[0] != '\n', err
}

// Trace implements channel.Tracer.
func (t *traceFile) Trace(r failover.Record) channel.Following {
	if t.missed(r) {
		return channel.CheckpointAnew
	}
	if rolled := t.write(r); rolled {
		return channel.CheckpointHere
	}
	return channel.Records
}

// missed reports whether it is time to try again, after writing failed. A replay can't go
// on across a hole, so nothing but a checkpoint is written after one.
func (t *traceFile) missed(r failover.Record) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.failing || r.Open != nil || time.Since(t.retried) < traceRetry {
		return false
	}
	t.retried = time.Now()
	return true
}

func (t *traceFile) write(r failover.Record) (rolled bool) {
	line, err := json.Marshal(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.file == nil, t.failing && r.Open == nil:
		return false
	case err != nil:
		t.failed(err)
		return false
	}
	if r.Open != nil {
		t.opened, t.awaiting = r.Time, false
	}
	// No file without a checkpoint, and none for the rest of one: whatever their size, each can be
	// replayed by itself.
	within := r.Time.Equal(t.opened)
	if t.written > t.options.RollSize && !t.awaiting && !within {
		if err := t.file.Rotate(); err != nil {
			t.failed(err)
		}
		t.written, t.awaiting, rolled = 0, true, true
	}
	line = append(line, '\n')
	if t.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := t.file.Write(line)
	if !within {
		t.written += int64(n)
	}
	if err != nil {
		t.torn = t.torn || n > 0
		t.failed(err)
		return rolled
	}
	t.torn, t.failing = false, false
	return rolled
}

// failed says once that the trace can't be written. The channel goes on. The lock
// is held.
func (t *traceFile) failed(err error) {
	if !t.failing {
		t.failing, t.retried = true, time.Now()
		t.logger.Warn("writing trace failed", zap.String("file", t.options.Filename), zap.Error(err))
	}
}

func (t *traceFile) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.file.Close(); err != nil {
		t.failed(err)
	}
	t.file = nil
}

// trace makes the channel write the trace that a config names; nil for none.
// registry.changing is held.
func (c *sharedChannel) trace(t *Trace) error {
	if c.traced != nil && t != nil && reflect.DeepEqual(c.traced.options, *t) {
		return nil
	}
	old := c.traced
	switch {
	case t != nil:
		next, err := openTrace(*t)
		if err != nil {
			return err
		}
		c.traced = next
		c.channel.Trace(next)
	case old != nil:
		c.traced = nil
		c.channel.Trace(nil)
	}
	if old != nil {
		old.close()
	}
	return nil
}

// Interface guard
var _ channel.Tracer = (*traceFile)(nil)
