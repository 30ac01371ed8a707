// Package file keeps objects and journals in a directory: one file per object, and for each
// journal as many as it needs. What was acknowledged survives the death of the process, and
// with Options.Fsync also a power loss.
//
// The directory belongs to one process at a time:
//
//	live-origin-store     says whose directory it is
//	lock                  held by flock while the store is open
//	unfinished-uploads/   unfinished objects; emptied when the store is opened
//	objects/a+/b.ts       the object "a/b.ts" (see filePath)
//	journals/a+/b~0       the journal "a/b", from its first record on (see chunk.go)
//
// Other users of the machine can neither read it nor hold the lock.
//
// # Order of writes
//
// An object is written to unfinished-uploads/ and becomes visible by rename, which is
// atomic for other processes and across the death of this one. Power loss is another
// matter: the file system may write names before contents. So, with Fsync, Commit takes
// four steps: sync the file's bytes, sync new directories, rename, sync the directory with
// the new name. Only then does it return, and only then can the caller append the record
// that mentions the object; Append returns when the record is on disk. So at no time is a
// record on disk without its object.
//
// Without Fsync the system writes in its own time and order. Power loss
// may then take the last seconds, and may leave objects that are short or empty.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/liveorigin/caddy-live-origin/store"
)

// ErrLocked: another process, or another Store in this one, is using the directory.
var ErrLocked = errors.New("directory is in use by another process")

// Options says how to open a store.
type Options struct {
	// Dir is the directory. It is created if it does not exist. One that holds anything
	// other than a store is refused.
	Dir string
	// MaxSize limits in bytes what objects occupy on disk, in whole blocks
	// of 4 KiB and together with journals. 0 means no limit.
	MaxSize int64
	// Fsync makes Commit and Append wait for the disk, so that what they
	// acknowledged survives power loss. Default: off.
	Fsync bool
	// Warn is called for damage that was found and repaired while opening, such as the cut
	// tail of a journal, and at any time for files that can't be removed, and where file
	// descriptors are short (ErrDescriptors). Default: nothing is called.
	Warn func(error)
}

// Validate checks the options without touching the disk.
func (o Options) Validate() error {
	if o.Dir == "" {
		return errors.New("no directory given")
	}
	if strings.ContainsRune(o.Dir, 0) {
		return errors.New("directory name contains a zero byte")
	}
	if o.MaxSize < 0 {
		return fmt.Errorf("maximum size %d is negative", o.MaxSize)
	}
	return nil
}

// Store is an engine in a directory. Open makes one.
type Store struct {
	options  Options
	root     *folder
	lock     *os.File
	used     atomic.Int64
	maxSize  atomic.Int64
	fsync    atomic.Bool
	lastTemp atomic.Uint64
	dirs     directories
	removals removals

	creating sync.Mutex // of a journal

	mu       sync.Mutex
	closed   bool
	objects  map[string]*entry
	live     int64 // entries that are visible
	journals map[string]*journal

	// busy counts open writers and objects, journals that are being opened, and files that are
	// still to be removed.
	// It is only added to with mu held and closed false.
	busy sync.WaitGroup
}

// Open creates the directory if need be, locks it, removes unfinished objects,
// reads the names of the others and checks every journal. A damaged journal is
// cut where the damage begins, and Options.Warn is called. Errors: ErrLocked,
// ErrForeign, those of Validate, those of the file system.
func Open(o Options) (*Store, error) {
	s, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("open store in %q: %w", o.Dir, err)
	}
	return s, nil
}

func open(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if err := os.MkdirAll(o.Dir, dirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, root: &folder{Root: root, spare: spare{warn: o.Warn}}, objects: map[string]*entry{}, journals: map[string]*journal{}}
	s.removals.ended = sync.NewCond(&s.removals.mu)
	s.maxSize.Store(o.MaxSize)
	s.fsync.Store(o.Fsync)
	if err := s.start(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *Store) start() error {
	if err := s.check(); err != nil {
		return err
	}
	lock, err := s.root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	s.lock = lock
	if err := lockFile(lock); err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if s.fsync.Load() {
		if err := s.syncDir("."); err != nil {
			return err
		}
		if err := syncParent(s.options.Dir); err != nil {
			return err
		}
	}
	if err := s.findObjects(); err != nil {
		return fmt.Errorf("read objects: %w", err)
	}
	if err := s.findJournals(); err != nil {
		return fmt.Errorf("read journals: %w", err)
	}
	s.root.spare.hold()
	return nil
}

// stop closes what start opened. The lock goes with its file.
func (s *Store) stop() {
	for _, j := range s.journals {
		j.close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	s.root.Close()
}

// Persistent implements store.Persistent.
func (s *Store) Persistent() bool { return true }

// SetCapacity implements store.Resizable: it changes Options.MaxSize.
func (s *Store) SetCapacity(capacity int64) { s.maxSize.Store(max(capacity, 0)) }

// SetFsync changes Options.Fsync, for what is written from now on.
func (s *Store) SetFsync(on bool) { s.fsync.Store(on) }

// Usage implements store.Store.
func (s *Store) Usage() store.Usage {
	s.mu.Lock()
	objects := s.live
	s.mu.Unlock()
	usage := store.Usage{Bytes: s.used.Load(), Capacity: s.maxSize.Load(), Free: freeOnDisk(s.lock), Objects: objects}
	if usage.Free >= 0 {
		usage.Free += s.removals.leaving()
		usage.Scarce = "disk"
	}
	if usage.Capacity > 0 {
		left := max(0, usage.Capacity-usage.Bytes)
		if usage.Free < 0 || left < usage.Free {
			usage.Free, usage.Scarce = left, ""
		}
	}
	return usage
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("close: %w", store.ErrClosed)
	}
	s.closed = true
	s.mu.Unlock()
	s.busy.Wait()
	s.stop()
	return nil
}

// reserve counts n bytes as used, if the maximum size allows it.
func (s *Store) reserve(n int64) bool {
	for {
		used := s.used.Load()
		if limit := s.maxSize.Load(); limit > 0 && n > limit-used {
			return false
		}
		if s.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// enter checks a call and keeps the store open until busy.Done.
func (s *Store) enter(ctx context.Context, key string) error {
	if !store.ValidKey(key) {
		return store.ErrKey
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.busy.Add(1)
	return nil
}

// filePath is where a key's file lies below dir. Directories end in "+", which
// no key contains: the keys "a" and "a/b" may both exist. Files keep their names,
// so that other tools know what they are.
func filePath(dir, key string) string {
	return dir + "/" + strings.ReplaceAll(key, "/", "+/")
}

// fileKey is the inverse, "" for a path that filePath does not produce.
func fileKey(dir, name string) string {
	key := strings.ReplaceAll(strings.TrimPrefix(name, dir+"/"), "+/", "/")
	if !store.ValidKey(key) || filePath(dir, key) != name {
		return ""
	}
	return key
}

// walk calls found for every file below dir that has a key, and removes empty
// directories.
func (s *Store) walk(dir string, keyOf func(path string) string, found func(key, path string, info fs.FileInfo) error) error {
	var dirs []string
	err := fs.WalkDir(s.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir {
				dirs = append(dirs, name)
			}
			return nil
		}
		key := keyOf(name)
		if key == "" || !d.Type().IsRegular() {
			s.options.Warn(fmt.Errorf("%s does not belong to the store and is left alone", name))
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return found(key, name, info)
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = s.root.Remove(dirs[i]) // fails if it is not empty
	}
	return err
}

// directories remembers which directories exist, on disk if need be.
type directories struct {
	mu    sync.Mutex
	known map[string]bool
}

// makeDir makes sure that the directory of a file exists.
func (s *Store) makeDir(name string) error {
	s.dirs.mu.Lock()
	defer s.dirs.mu.Unlock()
	return s.makeDirLocked(path.Dir(name))
}

func (s *Store) makeDirLocked(dir string) error {
	if dir == "." || s.dirs.known[dir] {
		return nil
	}
	if err := s.makeDirLocked(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if s.fsync.Load() {
		if err := s.syncDir(path.Dir(dir)); err != nil {
			return err
		}
	}
	if s.dirs.known == nil {
		s.dirs.known = map[string]bool{}
	}
	s.dirs.known[dir] = true
	return nil
}

// syncDir syncs the names in a directory to disk.
func (s *Store) syncDir(dir string) error {
	d, err := s.root.openUrgently(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// syncParent syncs the name of the store's own directory to disk.
func syncParent(dir string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(absolute))
	if errors.Is(err, fs.ErrPermission) {
		return nil // then we did not create it either
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (s *Store) tempName() string {
	return fmt.Sprintf("%s/%d", unfinishedDir, s.lastTemp.Add(1))
}
