package file

// WaitForRemovals waits until all that was deleted is off the disk.
func (s *Store) WaitForRemovals() { s.removals.wait() }
