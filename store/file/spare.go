package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// spareDescriptors is how many file descriptors are held back for what is written, and what is read urgently. An
// upload takes one, and for moments one or two more for the directories on the way.
const spareDescriptors = 32

// ErrDescriptors: the process, or the system, has no file descriptor left. Options.Warn is told.
var ErrDescriptors = errors.New("no file descriptor is left")

// toldAgain is after how long it is told again.
const toldAgain = 10 * time.Minute

// folder is the store's directory. What is written there also succeeds where the process has no file descriptor
// left, as when strangers have all of them for their connections: some were held back for that, and for what is
// urgent (store.Urgent). What else is read there has to wait until there are more.
type folder struct {
	*os.Root
	spare spare
}

// OpenFile opens a file to write to it.
func (f *folder) OpenFile(name string, flag int, mode fs.FileMode) (file *os.File, err error) {
	err = f.spare.lend(func() error {
		file, err = f.Root.OpenFile(name, flag, mode)
		return err
	})
	return file, err
}

// Mkdir makes a directory.
func (f *folder) Mkdir(name string, mode fs.FileMode) error {
	return f.spare.lend(func() error { return f.Root.Mkdir(name, mode) })
}

// Rename renames a file.
func (f *folder) Rename(from, to string) error {
	return f.spare.lend(func() error { return f.Root.Rename(from, to) })
}

// Remove removes a file.
func (f *folder) Remove(name string) error {
	return f.spare.lend(func() error { return f.Root.Remove(name) })
}

// openUrgently opens a file or a directory, of which the directory has to be synced.
func (f *folder) openUrgently(name string) (file *os.File, err error) {
	err = f.spare.lend(func() error {
		file, err = f.Root.Open(name)
		return err
	})
	return file, err
}

// Close gives all of them back.
func (f *folder) Close() error {
	f.spare.drop()
	return f.Root.Close()
}

// spare is file descriptors that are held back.
type spare struct {
	// short: some have been lent, and not been got back.
	short atomic.Bool

	mu   sync.Mutex
	held []*os.File
	warn func(error)
	told time.Time
}

// lend calls do, and again if it lacks file descriptors and there are some to lend. do changes nothing when it lacks
// them. They are got back as soon as there are any: whoever waits for a connection tries again only now and then.
func (s *spare) lend(do func() error) error {
	err := do()
	if !noDescriptor(err) && !s.short.Load() {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(err)
	const atOnce = 4
	for noDescriptor(err) && len(s.held) > 0 {
		for range min(atOnce, len(s.held)) {
			s.held[len(s.held)-1].Close()
			s.held = s.held[:len(s.held)-1]
		}
		err = do()
	}
	s.fill()
	return err
}

// tell warns of a lack of them. mu is held.
func (s *spare) tell(err error) {
	if noDescriptor(err) && (s.told.IsZero() || time.Since(s.told) > toldAgain) {
		s.told = time.Now()
		s.warn(fmt.Errorf("%w: %w", ErrDescriptors, err))
	}
}

// hold takes them.
func (s *spare) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fill()
}

// fill takes what is missing, as far as there is any. mu is held.
func (s *spare) fill() {
	for len(s.held) < spareDescriptors {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		s.held = append(s.held, f)
	}
	s.short.Store(len(s.held) < spareDescriptors)
}

func (s *spare) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.held {
		f.Close()
	}
	s.held = nil
}

// noDescriptor reports whether the process, or the system, can open nothing more.
func noDescriptor(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
