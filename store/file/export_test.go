package file

import "os"

// WaitForRemovals waits until all that was deleted is off the disk.
func (s *Store) WaitForRemovals() { s.removals.wait() }

// Spoil makes the next append to a journal fail, and the disk unable to say what became of it. With a record,
// that is in the file all the same.
func (s *Store) Spoil(name string, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journals[name]
	c := j.current()
	if err := j.open(c); err != nil {
		return err
	}
	if record != nil {
		if _, err := c.file.WriteAt(appendRecord(nil, c.last()+1, record), c.end); err != nil {
			return err
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	c.file.Close()
	c.file = full
	return nil
}

// HoldDirectories makes whoever needs a directory that is not known wait until it is released.
func (s *Store) HoldDirectories() (release func()) {
	s.dirs.mu.Lock()
	return s.dirs.mu.Unlock
}

// Unfinished is how many files have been begun.
func (s *Store) Unfinished() uint64 { return s.lastTemp.Load() }
