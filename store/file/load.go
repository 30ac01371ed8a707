package file

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/liveorigin/caddy-live-origin/store"
)

// Journal implements store.Store.
func (s *Store) Journal(ctx context.Context, name string) (store.Journal, error) {
	if err := s.begin(ctx, name); err != nil {
		return nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	defer s.busy.Done()
	// Creating one happens once in its life, so it may hold up the others.
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.journals[name]; j != nil {
		return j, nil
	}
	j := s.newJournal(name)
	if err := j.make(0); err != nil {
		return nil, fmt.Errorf("create journal %q: %w", name, full(err))
	}
	s.journals[name] = j
	return j, nil
}

func (s *Store) newJournal(name string) *journal {
	return &journal{store: s, name: name, path: filePath(journalDir, name)}
}

// make writes an empty journal behind the revision base.
func (j *journal) make(base uint64) error {
	j.end = headerSize
	if err := j.rewrite(base, 0, headerSize); err != nil {
		return err
	}
	j.store.used.Add(headerSize)
	return nil
}

// replace gives the file name the name target, and brings that to the disk.
func (s *Store) replace(name, target string) error {
	if err := s.makeDir(target); err != nil {
		return err
	}
	if err := s.root.Rename(name, target); err != nil {
		return err
	}
	return s.syncDir(path.Dir(target))
}

func (s *Store) findJournals() error {
	return s.walk(journalDir, func(name string, _ fs.FileInfo) error {
		j := s.newJournal(name)
		if err := j.load(); err != nil {
			return fmt.Errorf("journal %q: %w", name, err)
		}
		s.journals[name] = j
		return nil
	})
}

// load opens the journal's file and checks every record. From the first damage
// on the file is cut: a torn last record is what the death of the machine leaves,
// and behind a damaged one nothing can be trusted to be complete.
func (j *journal) load() error {
	f, err := j.store.root.OpenFile(j.path, os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	j.log = &logFile{f, 1}
	size := info.Size()
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(f, head); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		f.Close()
		return err
	}
	base, ok := isHeader(head)
	if !ok {
		base = j.firstRevision(size)
		j.store.options.Warn(fmt.Errorf("journal %q: the header is damaged; it goes on behind revision %d", j.name, base))
	}
	j.base = base
	if err := j.index(size); err != nil {
		f.Close()
		return err
	}
	if ok {
		j.store.used.Add(j.end)
		return nil
	}
	if len(j.offsets) == 0 {
		f.Close()
		j.log = nil
		return j.make(base)
	}
	j.store.used.Add(j.end)
	return j.rewrite(base, 0, headerSize)
}

// firstRevision finds the base of a journal without its header: the revision
// before that of the first record, 0 if that one is damaged, too.
func (j *journal) firstRevision(size int64) uint64 {
	var head [recordHeader]byte
	if _, err := j.log.ReadAt(head[:], headerSize); err != nil {
		return 0
	}
	revision := byteOrder.Uint64(head[8:])
	source := io.NewSectionReader(j.log, headerSize, size-headerSize)
	if _, err := readRecord(source, revision, size-headerSize, nil); err != nil || revision == 0 {
		return 0
	}
	return revision - 1
}

// index notes where the records are and cuts the file behind the last good one.
func (j *journal) index(size int64) error {
	j.end = headerSize
	source := bufio.NewReaderSize(io.NewSectionReader(j.log, headerSize, max(size-headerSize, 0)), 256<<10)
	var buf []byte
	for {
		var err error
		buf, err = readRecord(source, j.last()+1, size-j.end, buf)
		if err == nil {
			j.offsets = append(j.offsets, j.end)
			j.end += recordHeader + int64(len(buf))
			continue
		}
		if err == io.EOF {
			return nil
		}
		if err != errDamaged {
			return err // the disk, not the record
		}
		j.store.options.Warn(fmt.Errorf("journal %q: damaged behind revision %d: the last %d bytes, from byte %d, are cut",
			j.name, j.last(), size-j.end, j.end))
		if err := j.log.Truncate(j.end); err != nil {
			return err
		}
		return j.log.Sync()
	}
}
