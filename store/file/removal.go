package file

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// maxRemovals is how many deleted files may wait to be removed from the disk. Who deletes more removes
// them himself, so that no backlog grows.
const maxRemovals = 4096

// removals takes the files of deleted objects off the disk, in a goroutine that runs only while there
// are any. Delete does not wait for it: a channel deletes while it decides, and to free the blocks of a
// file takes a disk from microseconds to, when it is busy, very long.
type removals struct {
	mu      sync.Mutex
	ended   *sync.Cond // signalled after each removal
	waiting []removal
	running bool
	// bytes is what the disk gets back when all of them are done.
	bytes int64
	// failing: the last one failed, which has been told.
	failing bool
}

type removal struct {
	key   string
	entry *entry
}

// remove takes an object that is invisible by now off the disk: soon, or now if many wait.
func (s *Store) remove(r removal) {
	q := &s.removals
	q.mu.Lock()
	if len(q.waiting) >= maxRemovals {
		q.mu.Unlock()
		s.unlink(r)
		return
	}
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, r)
	q.bytes += occupied(r.entry.size)
	if !q.running {
		q.running = true
		go s.removeWaiting()
	}
}

func (s *Store) removeWaiting() {
	q := &s.removals
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		r := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		s.unlink(r)
		q.mu.Lock()
		q.bytes -= occupied(r.entry.size)
		q.ended.Broadcast()
	}
	q.waiting, q.running = nil, false
	q.ended.Broadcast()
}

// unlink removes the file. One that can't be removed is back, for whoever opens the store next.
func (s *Store) unlink(r removal) {
	defer s.busy.Done()
	err := s.root.Remove(filePath(objectDir, r.key))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if s.removals.tell(err) {
		s.options.Warn(fmt.Errorf("delete object %q: %w; what can't be deleted is tried again when the store is opened", r.key, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.objects, r.key)
		return
	}
	r.entry.visible, r.entry.deleted = true, false
	r.entry.refs++
	if r.entry.refs == 1 {
		s.used.Add(occupied(r.entry.size))
	}
	s.live++
}

// tell reports whether an error is to be told: the first one, until there is none.
func (q *removals) tell(err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	told := q.failing
	q.failing = err != nil
	return q.failing && !told
}

// leaving is how much the disk is about to get back.
func (q *removals) leaving() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// wait waits until all that was deleted is off the disk. It reports whether there was anything.
func (q *removals) wait() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	any := q.running
	for q.running {
		q.ended.Wait()
	}
	return any
}
