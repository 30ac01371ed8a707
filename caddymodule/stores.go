package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

func init() {
	caddy.RegisterModule(MemoryStore{})
	caddy.RegisterModule(FileStore{})
}

const storeNamespace = "http.live_origin.stores"

// Engine is what a module of the namespace `http.live_origin.stores` implements:
// a place where channels keep their segments and their state. It implements
// caddyfile.Unmarshaler too, to be usable in a Caddyfile.
//
// A store outlives configs. Engines of the same identity mean the same store: the first
// config that names it opens it, later ones share it, and it is closed after the last of
// them. So the options of an engine must lead to the same store as long as its identity is
// the same.
type Engine interface {
	caddy.Module
	// Identity names the store, process-wide: the kind of engine, and what tells two of
	// that kind apart, such as a directory. It is called after Provision.
	Identity() string
	// Open opens the store. It is called when a config starts, never when one is
	// only validated. Provision must not touch anything outside the module.
	Open(ctx context.Context) (store.Store, error)
}

// Reconfigurer is an Engine whose options can be applied to the open store of its
// identity. Any other engine keeps the options it was opened with until it is closed.
type Reconfigurer interface {
	Engine
	// Reconfigure applies the engine's options to st, which an engine of the same
	// identity has opened. An error leaves the store as it was; it is logged as a
	// warning and does not reject the config.
	Reconfigure(st store.Store) error
}

// MemoryStore keeps segments and state in the memory of the process. It is the fastest
// engine, and everything is gone when the process ends, except for what encoders send once
// (multivariant playlists and initialization sections, a few kB), which is also kept in
// Caddy's own storage. There is one store in a process: all `live_origin` handlers with
// this engine share its capacity.
type MemoryStore struct {
	// How much memory segments may take, in bytes, from 64 KiB to 16 TiB. Uploads
	// beyond it are answered with 507. Default: 2147483648 (2 GiB).
	Capacity int64 `json:"capacity,omitempty"`
}

const defaultCapacity = 2 << 30

// CaddyModule returns the Caddy module information.
func (MemoryStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  storeNamespace + ".memory",
		New: func() caddy.Module { return new(MemoryStore) },
	}
}

// Provision fills in defaults.
func (m *MemoryStore) Provision(caddy.Context) error {
	m.Capacity = cmp.Or(m.Capacity, defaultCapacity)
	return nil
}

// Validate checks the options.
func (m *MemoryStore) Validate() error {
	return about("store memory: capacity", checkCapacity(m.Capacity))
}

// Identity implements Engine.
func (m *MemoryStore) Identity() string { return "memory" }

// Open implements Engine.
func (m *MemoryStore) Open(context.Context) (store.Store, error) {
	warnOfMemory(m.Capacity)
	return newKeptStore(m.Capacity), nil
}

// Reconfigure implements Reconfigurer.
func (m *MemoryStore) Reconfigure(st store.Store) error {
	warnOfMemory(m.Capacity)
	return setCapacity(st, m.Capacity)
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store memory {
//		capacity <size>
//	}
func (m *MemoryStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the engine's name
	if d.NextArg() {
		return d.ArgErr()
	}
	const owner = "store memory"
	return eachOption(d, owner, func() error {
		switch d.Val() {
		case "capacity":
			return readSize(d, owner, &m.Capacity, checkCapacity)
		}
		return unrecognized(d, owner)
	})
}

// FileStore keeps segments and state in a directory, so that they survive the end
// of the process. The directory belongs to one process at a time.
type FileStore struct {
	// The directory. It is created if it does not exist, and closed to other users of the
	// machine; one that holds anything other than a store is refused. Placeholders are
	// replaced when the config is loaded; one that is unknown or empty is an error.
	// Required.
	Dir string `json:"dir,omitempty"`

	// How much space the directory may take, in bytes, from 64 KiB to 1 PiB. Uploads
	// beyond it are answered with 507. Default: 0, no limit.
	MaxSize int64 `json:"max_size,omitempty"`

	// Whether an upload is only acknowledged when it is on the disk, so that it
	// survives a power failure as well. Default: false.
	Fsync bool `json:"fsync,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (FileStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  storeNamespace + ".file",
		New: func() caddy.Module { return new(FileStore) },
	}
}

// Provision resolves the directory, without touching it.
func (f *FileStore) Provision(caddy.Context) error {
	dir, err := resolve(f.Dir)
	if err != nil {
		return fmt.Errorf("store file: dir: %w", err)
	}
	if dir == "" {
		return errors.New("store file: dir is required")
	}
	// Two ways to write the same directory must not make two stores.
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("store file: resolve dir: %w", err)
	}
	if !filepath.IsAbs(dir) {
		caddy.Log().Named("live_origin").Warn("the store's directory is relative: started in another place, Caddy takes another one, and begins anew there",
			zap.String("dir", dir), zap.String("taken", abs))
	}
	f.Dir = abs
	return nil
}

// Validate checks the options.
func (f *FileStore) Validate() error {
	if f.MaxSize < 0 {
		return errors.New("store file: max_size: must not be negative")
	}
	return about("store file", cmp.Or(about("max_size", ifSet(f.MaxSize, checkMaxSize)), f.options().Validate()))
}

// Identity implements Engine.
func (f *FileStore) Identity() string { return "file:" + f.Dir }

// Open implements Engine.
func (f *FileStore) Open(context.Context) (store.Store, error) {
	st, err := file.Open(f.options())
	if err != nil {
		return nil, fmt.Errorf("store file %s: %w", f.Dir, err)
	}
	return st, nil
}

// Reconfigure implements Reconfigurer.
func (f *FileStore) Reconfigure(st store.Store) error {
	if s, ok := st.(*file.Store); ok {
		s.SetFsync(f.Fsync)
	}
	return setCapacity(st, f.MaxSize)
}

func (f *FileStore) options() file.Options {
	return file.Options{
		Dir:     f.Dir,
		MaxSize: f.MaxSize,
		Fsync:   f.Fsync,
		// The store outlives configs and their loggers.
		Warn: func(err error) {
			if errors.Is(err, file.ErrDescriptors) {
				caddy.Log().Named("live_origin").Error(noDescriptors+"; uploads of those that are connected are stored all the same", zap.String("dir", f.Dir), zap.Error(err))
				return
			}
			caddy.Log().Named("live_origin").Warn("store directory is not as it should be", zap.String("dir", f.Dir), zap.Error(err))
		},
	}
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store file <dir> {
//		max_size <size>
//		fsync
//	}
func (f *FileStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the engine's name
	if !d.AllArgs(&f.Dir) {
		return d.Err("store file: exactly one directory is required")
	}
	if err := literal(notEmpty)(f.Dir); err != nil {
		return d.Errf("store file: dir: %w", err)
	}
	const owner = "store file"
	return eachOption(d, owner, func() error {
		switch d.Val() {
		case "max_size":
			return readSize(d, owner, &f.MaxSize, checkMaxSize)
		case "fsync":
			return readFlag(d, owner, &f.Fsync)
		}
		return unrecognized(d, owner)
	})
}

// setCapacity changes the limit of an open store, if the store allows that.
func setCapacity(st store.Store, capacity int64) error {
	if s, ok := st.(store.Resizable); ok {
		s.SetCapacity(capacity)
		return nil
	}
	return errReopen
}

var errReopen = errors.New("the new options take effect when the store is opened again")

// parseSize reads a size such as 2GiB.
func parseSize(arg string) (int64, error) {
	size, err := humanize.ParseBytes(arg)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 64MiB", arg)
	}
	if size == 0 || size > math.MaxInt64 {
		return 0, fmt.Errorf("must be greater than zero and less than 8EiB, but is %s", arg)
	}
	return int64(size), nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MemoryStore)(nil)
	_ caddy.Validator       = (*MemoryStore)(nil)
	_ caddyfile.Unmarshaler = (*MemoryStore)(nil)
	_ Reconfigurer          = (*MemoryStore)(nil)

	_ caddy.Provisioner     = (*FileStore)(nil)
	_ caddy.Validator       = (*FileStore)(nil)
	_ caddyfile.Unmarshaler = (*FileStore)(nil)
	_ Reconfigurer          = (*FileStore)(nil)
)
