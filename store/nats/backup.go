package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/store"
)

// The backup: the node that took an object writes it to a stream that no node listens to, in
// chunks, behind everything else. It is read when no node has the object, as after a restart
// of all of them.

const (
	// chunkSize is what fits into a message of the servers' default size.
	chunkSize = 512 << 10
	// backupQueue is how many objects may wait; then the oldest is not backed up.
	backupQueue = 1024
	// backupPatience is how long one chunk is tried: longer than a stream is without a leader.
	backupPatience = 30 * time.Second
	backupRetry    = time.Second

	chunkHeader = "Live-Origin-Chunk" // its index
	sizeHeader  = "Live-Origin-Size"  // of the object
	sumHeader   = "Live-Origin-Sum"   // of the object
)

// backup are the objects that wait.
type backup struct {
	ready chan struct{} // has an element after add

	mu      sync.Mutex
	keys    []string
	skipped int
}

func newBackup() *backup { return &backup{ready: make(chan struct{}, 1)} }

// add never waits.
func (b *backup) add(key string) {
	b.mu.Lock()
	if len(b.keys) >= backupQueue {
		b.keys = b.keys[1:]
		b.skipped++
	}
	b.keys = append(b.keys, key)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// next returns the oldest, and how many were left out before it.
func (b *backup) next() (key string, skipped int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.keys) == 0 {
		return "", 0, false
	}
	key, skipped = b.keys[0], b.skipped
	b.keys, b.skipped = b.keys[1:], 0
	return key, skipped, true
}

// backedUp is a writer whose object is backed up.
type backedUp struct {
	store.Writer
	committed func()
}

// Commit implements store.Writer.
func (w *backedUp) Commit() error {
	err := w.Writer.Commit()
	if err == nil {
		w.committed()
	}
	return err
}

// backUp writes what waits, until the store is closed.
func (s *Store) backUp() {
	for {
		select {
		case <-s.backup.ready:
		case <-s.ctx.Done():
			return
		}
		for {
			key, skipped, ok := s.backup.next()
			if !ok {
				break
			}
			if skipped > 0 {
				s.tellCount(BackupSkipped, skipped, errors.New("objects come faster than they can be backed up"))
			}
			if err := s.writeBackup(key); err != nil && s.ctx.Err() == nil {
				s.tellCount(BackupSkipped, 1, fmt.Errorf("object %q: %w", key, err))
			}
		}
	}
}

func (s *Store) writeBackup(key string) error {
	object, err := s.local.Open(s.ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted already
	}
	if err != nil {
		return err
	}
	defer object.Close()
	sum, err := s.sums.of(key, object)
	if err != nil {
		return err
	}
	size := object.Size()
	chunk := make([]byte, min(chunkSize, size))
	for index, offset := 0, int64(0); offset < size || index == 0; index++ {
		n := min(chunkSize, size-offset)
		if n > 0 {
			if _, err := object.ReadAt(chunk[:n], offset); err != nil && offset+n < size {
				return err
			}
		}
		m := nats.NewMsg(s.names.object(key))
		m.Data = chunk[:n]
		m.Header.Set(chunkHeader, strconv.Itoa(index))
		m.Header.Set(sizeHeader, strconv.FormatInt(size, 10))
		m.Header.Set(sumHeader, strconv.FormatUint(sum, 16))
		if err := s.publishChunk(m, fmt.Sprintf("%s-%d", key, index)); err != nil {
			return err
		}
		offset += n
	}
	return nil
}

// publishChunk sends it until it was acknowledged. One that comes twice is dropped by its id.
func (s *Store) publishChunk(m *nats.Msg, id string) error {
	for end := time.Now().Add(backupPatience); ; {
		ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
		_, err := s.nodes.JetStream().PublishMsg(ctx, m, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil || isRefusal(err) || time.Now().After(end) {
			return err
		}
		if pause(s.ctx, backupRetry) != nil {
			return store.ErrClosed
		}
	}
}

// restore brings an object back from the backup.
func (s *Store) restore(ctx context.Context, key string) error {
	first, err := s.directNext(ctx, s.names.objects, s.names.object(key), 1)
	if isNotFound(err) {
		return store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("from the backup: %w", err)
	}
	var head objectHead
	head.Size, err = strconv.ParseInt(first.header.Get(sizeHeader), 10, 64)
	if err == nil {
		head.Sum, err = strconv.ParseUint(first.header.Get(sumHeader), 16, 64)
	}
	if err == nil {
		err = s.write(ctx, &holder{head: head}, key, &s.fetched.backup, s.readBackup(first.sequence))
	}
	if err != nil {
		return fmt.Errorf("from the backup: %w", err)
	}
	return nil
}

// readBackup reads the chunks, the first of which has this sequence. An object whose beginning
// had to make room is not there any more.
func (s *Store) readBackup(sequence uint64) reader {
	return func(ctx context.Context, h *holder, key string, w store.Writer, hash *xxhash.Digest) error {
		for index, left := 0, h.head.Size; left > 0 || index == 0; {
			batch, err := s.directBatch(ctx, s.names.objects, s.names.object(key), sequence)
			for _, m := range batch {
				sequence = m.sequence + 1
				if at, _ := strconv.Atoi(m.header.Get(chunkHeader)); at < index {
					continue // two nodes took it
				} else if at > index {
					return store.ErrNotFound
				}
				index++
				left -= int64(len(m.record))
				_, _ = hash.Write(m.record) // never fails
				if _, err := w.ReadFrom(bytes.NewReader(m.record)); err != nil {
					return err
				}
			}
			if len(batch) == 0 {
				return errors.Join(store.ErrNotFound, err)
			}
		}
		return nil
	}
}
