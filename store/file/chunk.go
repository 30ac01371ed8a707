package file

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// chunkSize is how large a journal file grows before the next one is started. Records are
// forgotten by whole files: that is the least work, and never waits for the disk.
const chunkSize = 256 << 10

// chunk is one file of a journal; see format.go. journal.mu guards it.
type chunk struct {
	path    string
	base    uint64  // revision before its first record
	offsets []int64 // where its records begin
	end     int64   // where the next one would
	refs    int     // 1 for the journal and 1 for each reader
	// spoilt: after an error of the disk, it is not known what the file has behind end. The journal goes
	// on in the next one.
	spoilt bool
	// file is open while records are appended to it: there may be thousands of journals to which none are, as
	// of channels that were removed.
	file *os.File
}

func (c *chunk) last() uint64 { return c.base + uint64(len(c.offsets)) }

// takes returns those of the records that go into this file.
func (c *chunk) takes(records [][]byte) [][]byte {
	end := c.end
	for i, record := range records {
		if end >= chunkSize {
			return records[:i]
		}
		end += recordHeader + int64(len(record))
	}
	return records
}

// chunkMark separates the name of a journal from the number of its file. No key
// contains it.
const chunkMark = "~"

// chunkName is the journal file that begins after the revision base. Names sort in the
// order of their numbers.
func chunkName(path string, base uint64) string {
	return fmt.Sprintf("%s%s%020d", path, chunkMark, base)
}

// splitChunkName is the inverse.
func splitChunkName(name string) (path string, base uint64, ok bool) {
	path, digits, ok := strings.Cut(name, chunkMark)
	if !ok || len(digits) != 20 {
		return "", 0, false
	}
	base, err := strconv.ParseUint(digits, 10, 64)
	return path, base, err == nil
}

// begin makes the next file of the journal. It is complete before it gets its name, and on
// disk if what is appended to it has to be.
func (j *journal) begin(base uint64) error {
	s := j.store
	temporary := s.tempName()
	f, err := s.newFile(temporary, os.O_RDWR)
	if err != nil {
		return err
	}
	c := &chunk{path: chunkName(j.path, base), base: base, end: headerSize, refs: 1, file: f}
	if err := s.place(f, temporary, c.path, header(base)); err != nil {
		f.Close()
		_ = s.root.Remove(temporary) // else it is removed when the store is opened again
		return err
	}
	if n := len(j.chunks); n > 0 {
		before := j.chunks[n-1]
		before.settle()
		if before.base == base { // it had no records, and its name is that of the other one now
			j.chunks = j.chunks[:n-1]
			s.used.Add(-before.end)
		}
	}
	j.chunks = append(j.chunks, c)
	s.used.Add(headerSize)
	return nil
}

// place writes the content and gives the file its name.
func (s *Store) place(f *os.File, name, target string, content []byte) error {
	if _, err := f.Write(content); err != nil {
		return err
	}
	if s.fsync.Load() {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := s.makeDir(target); err != nil {
		return err
	}
	if err := s.root.Rename(name, target); err != nil {
		return err
	}
	if !s.fsync.Load() {
		return nil
	}
	return s.syncDir(path.Dir(target))
}

// stop closes a file to which nothing more is appended.
func (c *chunk) stop() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

// settle closes a file that has become full. It is synced, even without Fsync: only the
// very last file may be short after a power loss.
func (c *chunk) settle() {
	if f := c.file; f != nil {
		c.file = nil
		go func() {
			// What the disk fails to write now is found when the journal is opened.
			_ = f.Sync()
			_ = f.Close()
		}()
	}
}

// drop removes the first file of the journal, when the last reader has left it.
func (j *journal) drop() {
	c := j.chunks[0]
	j.chunks = j.chunks[1:]
	c.stop()
	j.leave(c)
}

// leave gives up the reference of a reader, or of the journal itself.
func (j *journal) leave(c *chunk) {
	if c.refs--; c.refs > 0 {
		return
	}
	j.store.used.Add(-c.end)
	if err := j.store.root.Remove(c.path); err != nil {
		j.store.options.Warn(fmt.Errorf("journal %q: remove what is forgotten: %w", j.name, err))
	}
}
