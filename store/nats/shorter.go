package nats

import (
	"context"
	"fmt"
	"time"
)

// shorterFor is for how long the stream's leader says that a journal ends before what this node knows of
// it, until that is believed: one that was just elected may not have read all of what it has.
const shorterFor = time.Second

// end takes what the leader says of where the journal ends, nil for nowhere, and what this node knew when
// it asked. Somebody may have purged the stream, restored it or given it a limit, or its servers have lost
// their last records with the power. Then what was known is forgotten, and end is true: records that
// are gone can't be followed by another one.
func (j *journal) end(asked mark, m *message) (shorter bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case m != nil && m.sequence >= asked.sequence, m == nil && asked.revision == 0:
		j.shorter = time.Time{}
	case j.shorter.IsZero():
		j.shorter = time.Now()
	case time.Since(j.shorter) > shorterFor:
		j.startOver(m)
		return true
	}
	j.note(m)
	return false
}

// startOver forgets where records are, but for this one. The lock is held.
func (j *journal) startOver(m *message) {
	before := j.known.tail().revision
	j.known, j.forget, j.purged, j.shorter = marks{}, 0, 0, time.Time{}
	j.note(m)
	j.store.tell(JournalShorter, "", fmt.Errorf("journal %q ends with revision %d, and did with %d", j.name, j.known.tail().revision, before))
}

// replaced takes a record behind the place of the last one that was known. If it has a revision that
// was known, the journal had become shorter, and somebody has appended since.
func (j *journal) replaced(known uint64, m *message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if m.revision <= known {
		j.startOver(m)
		return
	}
	j.note(m)
}

// isShorter asks the leader whether what an append is to follow is gone.
func (j *journal) isShorter(ctx context.Context, p *attempt) bool {
	m, err := j.store.leaderLast(ctx, j.subject)
	if err != nil && !isNotFound(err) {
		return false
	}
	return j.end(mark{p.last, p.sequence}, m)
}
