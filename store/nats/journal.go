package nats

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// MaxRecord is the largest record that a journal takes, in bytes: servers accept messages of
// up to 1 MB by default.
const MaxRecord = 900 << 10

// journal is a subject of the journal stream. Its revisions count from 1 without a gap and
// lie in the headers of the messages; the stream's sequences belong to all journals together.
//
// The newest record is never purged: it is what the server compares with when another one is
// appended, and what Last is read from.
type journal struct {
	store   *Store
	name    string
	subject string

	// appending is held by whoever appends. It is a channel, so that a context ends the
	// wait. It guards pending and attempts.
	appending chan struct{}
	pending   *attempt
	attempts  uint64

	mu    sync.Mutex
	known marks
	// forget is the revision before which everything may be purged, and purged what has been.
	forget, purged uint64
	// shorter is since when the leader says that it ends before what is known; zero if it does not.
	shorter time.Time
	// failing is since when appends have failed; zero if the last one did not.
	failing time.Time
}

func newJournal(s *Store, name string) *journal {
	return &journal{store: s, name: name, subject: s.names.journal(name), appending: make(chan struct{}, 1)}
}

// subjectToken writes the name of a journal, which follows store.ValidKey, as part of a
// subject. No two names become the same: "=" is in none of them.
var subjectToken = strings.NewReplacer(".", "=", "/", ".").Replace

// Last implements store.Journal.
func (j *journal) Last(ctx context.Context) (uint64, error) {
	ctx, done, err := j.store.begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("read journal %q: %w", j.name, err)
	}
	defer done()
	newest, err := j.newest(ctx)
	if err != nil {
		return 0, fmt.Errorf("read journal %q: %w", j.name, err)
	}
	return newest.revision, nil
}

// newest is where the journal ends. Only the stream's leader knows that there is nothing, or
// nothing more: other servers lag behind. While there is no leader, what another server has
// is taken, as long as it has something: whoever appends behind it will be told.
func (j *journal) newest(ctx context.Context) (mark, error) {
	for {
		asked := j.tail()
		m, err := j.store.leaderLast(ctx, j.subject)
		if err == nil || isNotFound(err) {
			j.end(asked, m)
			return j.tail(), nil
		}
		if m, err := j.store.directLast(ctx, j.store.names.journals, j.subject); err == nil {
			j.learn(m)
			return j.tail(), nil
		}
		if pause(ctx, retryWait) != nil {
			return mark{}, ended(ctx, err)
		}
	}
}

// learn notes where a record is.
func (j *journal) learn(m *message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.note(m)
}

// note does so with the lock held. Nil is none.
func (j *journal) note(m *message) {
	if m != nil {
		j.known.add(mark{revision: m.revision, sequence: m.sequence})
	}
}

func (j *journal) mark(m mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.known.add(m)
}

// tail is the newest record that this node knows of.
func (j *journal) tail() mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.known.tail()
}

// locate returns a sequence before which the journal has no record past the revision, and
// from which on it has no other.
func (j *journal) locate(ctx context.Context, revision uint64) (uint64, error) {
	if revision == 0 {
		return 1, nil
	}
	j.mu.Lock()
	sequence, ok := j.known.at(revision)
	end := j.known.tail()
	j.mu.Unlock()
	if ok {
		return sequence + 1, nil
	}
	if revision >= end.revision {
		return end.sequence + 1, nil
	}
	// The record at high, or the next one of the journal, is past the revision; all before
	// low are not.
	low, high := uint64(1), end.sequence
	for low < high {
		middle := low + (high-low)/2
		m, err := j.next(ctx, middle)
		if err != nil {
			return 0, err
		}
		if m.revision > revision {
			high = middle
		} else {
			low = m.sequence + 1
		}
	}
	return low, nil
}

// next returns the first record from this sequence on, up to the newest one that is known. A
// server that lags behind is asked again.
func (j *journal) next(ctx context.Context, sequence uint64) (*message, error) {
	for {
		m, err := j.store.directNext(ctx, j.store.names.journals, j.subject, sequence)
		if err == nil {
			return m, nil
		}
		if pause(ctx, lagWait) != nil {
			return nil, ended(ctx, err)
		}
	}
}

// mark is the place of a record.
type mark struct{ revision, sequence uint64 }

// marks are the places of the newest records that are known, without a gap.
type marks struct{ list []mark }

// keptMarks is how many are kept at least.
const keptMarks = 1024

func (m *marks) add(new mark) {
	last := m.tail()
	if new.revision <= last.revision {
		return
	}
	if new.revision > last.revision+1 {
		m.list = m.list[:0]
	}
	if len(m.list) >= 2*keptMarks {
		m.list = append(m.list[:0], m.list[len(m.list)-keptMarks:]...)
	}
	m.list = append(m.list, new)
}

func (m *marks) tail() mark {
	if len(m.list) == 0 {
		return mark{}
	}
	return m.list[len(m.list)-1]
}

func (m *marks) at(revision uint64) (sequence uint64, ok bool) {
	if len(m.list) == 0 || revision < m.list[0].revision || revision > m.tail().revision {
		return 0, false
	}
	return m.list[revision-m.list[0].revision].sequence, true
}
