package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

const (
	lockName   = "lock"
	objectDir  = "objects"
	journalDir = "journals"
	// unfinishedDir is emptied whenever a store is opened, so it has a name that nobody
	// else would give a directory.
	unfinishedDir = "unfinished-uploads"
	// markName is the file that says whose directory it is.
	markName = "live-origin-store"
	// formerDir is what unfinishedDir was called before there was a mark.
	formerDir = "tmp"

	// Segments and journals are the operator's own business, and anyone who can open the
	// lock can keep the origin from starting.
	dirMode  = 0o700
	fileMode = 0o600
)

// ErrForeign: the directory holds something that does not belong to a store. Options.Dir
// must be empty or not exist.
var ErrForeign = errors.New("directory is not empty and does not belong to the origin")

const mark = "This directory belongs to caddy-live-origin, which deletes files in it.\n"

// check refuses a directory that is neither empty nor a store's, before anything in it
// is touched.
func (s *Store) check() error {
	names, err := s.names(".")
	if err != nil {
		return err
	}
	if slices.Contains(names, markName) || s.isFormer() {
		return nil
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case lockName: // another process is about to make it a store
		case "lost+found": // new file systems have that in their root
		default:
			return fmt.Errorf("%w: it contains %q", ErrForeign, name)
		}
	}
	return nil
}

// claim marks the directory as a store's. The lock is held.
func (s *Store) claim() error {
	if _, err := s.root.Lstat(markName); err == nil {
		return nil
	}
	if s.isFormer() {
		s.clearFormer()
	}
	return s.root.WriteFile(markName, []byte(mark), fileMode)
}

// isFormer reports whether the directory is a store from before there was a mark.
func (s *Store) isFormer() bool {
	lock, err := s.root.Lstat(lockName)
	if err != nil || !lock.Mode().IsRegular() || lock.Size() != 0 {
		return false
	}
	for _, name := range []string{objectDir, journalDir, formerDir} {
		if dir, err := s.root.Lstat(name); err != nil || !dir.IsDir() {
			return false
		}
	}
	return true
}

// clearFormer removes unfinished objects of such a store: their names are numbers.
func (s *Store) clearFormer() {
	names, err := s.names(formerDir)
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.Trim(name, "0123456789") == "" {
			_ = s.root.Remove(formerDir + "/" + name)
		}
	}
	_ = s.root.Remove(formerDir) // fails if it is not empty
}

func (s *Store) names(dir string) ([]string, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// prepare creates what the directory needs, and removes unfinished objects.
func (s *Store) prepare() error {
	if err := s.root.RemoveAll(unfinishedDir); err != nil {
		return err
	}
	for _, dir := range []string{unfinishedDir, objectDir, journalDir} {
		if err := s.root.MkdirAll(dir, dirMode); err != nil {
			return err
		}
	}
	// Stores of earlier versions were open to all users of the machine.
	for name, mode := range map[string]fs.FileMode{objectDir: dirMode, journalDir: dirMode, lockName: fileMode} {
		if err := s.root.Chmod(name, mode); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// newFile opens a file for something unfinished.
func (s *Store) newFile(name string, flag int) (*os.File, error) {
	return s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|flag, fileMode)
}
