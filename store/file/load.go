package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Journal implements store.Store.
func (s *Store) Journal(ctx context.Context, name string) (store.Journal, error) {
	if err := s.enter(ctx, name); err != nil {
		return nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	defer s.busy.Done()
	if j := s.openJournal(name); j != nil {
		return j, nil
	}
	// One is created after the other: a disk takes a while for it, and nobody else waits for that.
	s.creating.Lock()
	defer s.creating.Unlock()
	if j := s.openJournal(name); j != nil {
		return j, nil
	}
	j := s.newJournal(name)
	if err := j.begin(0); err != nil {
		return nil, fmt.Errorf("create journal %q: %w", name, full(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journals[name] = j
	return j, nil
}

// openJournal returns the journal if it is open.
func (s *Store) openJournal(name string) *journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journals[name]
}

func (s *Store) newJournal(name string) *journal {
	return &journal{store: s, name: name, path: filePath(journalDir, name)}
}

// findJournals opens all journals.
func (s *Store) findJournals() error {
	bases := map[string][]uint64{}
	err := s.walk(journalDir, journalKey, func(name, path string, _ fs.FileInfo) error {
		_, base, _ := splitChunkName(path)
		bases[name] = append(bases[name], base)
		return nil
	})
	if err != nil {
		return err
	}
	for name, list := range bases {
		slices.Sort(list)
		j := s.newJournal(name)
		if err := j.load(list); err != nil {
			return fmt.Errorf("journal %q: %w", name, err)
		}
		s.journals[name] = j
	}
	return nil
}

// journalKey is the journal that a file belongs to, "" for a file that is not part of a
// journal.
func journalKey(name string) string {
	path, _, ok := splitChunkName(name)
	if !ok {
		return ""
	}
	return fileKey(journalDir, path)
}

// load opens the journal's files and checks every record. A file is cut at the first
// damage: a crash of the machine leaves a torn last record, and after a damaged one nothing
// can be trusted to be complete. Where that leaves a gap before the next file, everything
// before the gap is dropped: a channel continues with the newest records and their numbers.
// A gap may also come from files that were forgotten and came back with a power loss. What a file has beyond
// where the next one begins could not be written, and was not acknowledged.
func (j *journal) load(bases []uint64) error {
	for _, base := range bases {
		if n := len(j.chunks); n > 0 && base < j.last() {
			j.cut(base)
		}
		if n := len(j.chunks); n > 0 && base != j.last() {
			j.store.options.Warn(fmt.Errorf("journal %q: revisions %d to %d are missing; everything before them is removed",
				j.name, j.last()+1, base))
			for len(j.chunks) > 0 {
				j.drop()
			}
		}
		if err := j.loadChunk(base); err != nil {
			return err
		}
	}
	return nil
}

// cut leaves out the records of the last file after a revision that it has.
func (j *journal) cut(after uint64) {
	c := j.current()
	n := after - c.base
	j.store.used.Add(c.offsets[n] - c.end)
	c.end, c.offsets = c.offsets[n], c.offsets[:n]
}

func (j *journal) loadChunk(base uint64) error {
	c := &chunk{path: chunkName(j.path, base), base: base, refs: 1}
	f, err := j.store.root.OpenFile(c.path, os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	c.file = f
	err = j.check(c)
	c.stop()
	if err != nil {
		return err
	}
	j.chunks = append(j.chunks, c)
	j.store.used.Add(c.end)
	return nil
}

// check reads a file and cuts it after the last good record.
func (j *journal) check(c *chunk) error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	head := make([]byte, headerSize)
	if _, err := c.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !isHeader(head, c.base) {
		// The name says the same.
		j.store.options.Warn(fmt.Errorf("journal %q: the header of %s is damaged and is rewritten", j.name, c.path))
		if _, err := c.file.WriteAt(header(c.base), 0); err != nil {
			return err
		}
		size = max(size, headerSize)
	}
	return j.index(c, size)
}

// index notes where the records are and cuts the file after the last good one.
func (j *journal) index(c *chunk, size int64) error {
	c.end = headerSize
	source := bufio.NewReaderSize(io.NewSectionReader(c.file, headerSize, size-headerSize), 256<<10)
	var buf []byte
	for {
		var err error
		buf, err = readRecord(source, c.last()+1, size-c.end, buf)
		switch {
		case err == nil:
			c.offsets = append(c.offsets, c.end)
			c.end += recordHeader + int64(len(buf))
			continue
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, errDamaged):
			return err // the disk, not the record
		}
		j.store.options.Warn(fmt.Errorf("journal %q: damaged after revision %d: the last %d bytes of %s, from byte %d, are cut off",
			j.name, c.last(), size-c.end, strings.TrimPrefix(c.path, journalDir+"/"), c.end))
		if err := c.file.Truncate(c.end); err != nil {
			return err
		}
		return c.file.Sync()
	}
}
