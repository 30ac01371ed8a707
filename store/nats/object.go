package nats

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/liveorigin/caddy-live-origin/store"
)

// How nodes ask each other for objects.

// objectTopic is the topic of the questions.
const objectTopic = "object"

const (
	// rangeSize is how much of an object one answer has. Package nodes brings it in pieces that
	// the servers take.
	rangeSize = 2 << 20
	// smallObject is up to which size the first answer has all of it.
	smallObject = 60 << 10
)

// objectQuestion asks for a part of an object, or, without a length, what there is of it.
type objectQuestion struct {
	Key    string `json:"key"`
	Offset int64  `json:"offset,omitempty"`
	Length int64  `json:"length,omitempty"`
	// Begin is how many bytes of the beginning are to come with what there is of it, unless the
	// whole can be had by a URL. Who does not know of it sends none.
	Begin int64 `json:"begin,omitempty"`
}

// objectHead stands before the bytes of an answer, with its length before it.
type objectHead struct {
	Size int64 `json:"size"`
	// Sum is the xxHash64 of the whole object: against mistakes and broken memory, not
	// against peers, whom the servers have let in.
	Sum uint64 `json:"sum"`
	// URL is where the whole object can be had for a while. It comes with the answer to a
	// question without a length.
	URL string `json:"url,omitempty"`
}

// answerObject answers another node's question, from this node's own tier only: two nodes
// that lack an object would otherwise ask each other for ever.
func (s *Store) answerObject(ctx context.Context, _ string, question []byte) ([]byte, error) {
	var q objectQuestion
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, fmt.Errorf("decode question: %w", err)
	}
	if q.Offset < 0 || min(q.Length, q.Begin) < 0 || max(q.Length, q.Begin) > rangeSize {
		return nil, fmt.Errorf("%d bytes at %d of an object can't be had", max(q.Length, q.Begin), q.Offset)
	}
	object, err := s.local.Open(store.Urgent(ctx), q.Key)
	if err != nil {
		if errors.Is(err, store.ErrClosed) {
			err = store.ErrNotFound
		}
		return nil, err
	}
	defer object.Close()
	head := objectHead{Size: object.Size()}
	if head.Sum, err = s.sums.of(q.Key, object); err != nil {
		return nil, err
	}
	length := max(0, min(q.Length, head.Size-q.Offset))
	switch {
	case q.Length > 0:
	case head.Size <= smallObject:
		length = head.Size
	case s.peers != nil:
		head.URL = s.peers.url(q.Key)
	default:
		length = min(q.Begin, head.Size)
	}
	answer, err := head.begin(length)
	if err != nil {
		return nil, err
	}
	body := answer[int64(len(answer))-length:]
	if _, err := object.ReadAt(body, q.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return answer, nil
}

// begin is an answer with room for so many bytes at its end.
func (h objectHead) begin(length int64) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	answer := make([]byte, 2, 2+int64(len(text))+length)
	binary.BigEndian.PutUint16(answer, uint16(len(text)))
	answer = append(answer, text...)
	return answer[:int64(len(answer))+length], nil
}

// readHead splits an answer.
func readHead(answer []byte) (head objectHead, body []byte, err error) {
	if len(answer) < 2 || len(answer) < 2+int(binary.BigEndian.Uint16(answer)) {
		return head, nil, errors.New("the answer is too short")
	}
	end := 2 + int(binary.BigEndian.Uint16(answer))
	if err := json.Unmarshal(answer[2:end], &head); err != nil {
		return head, nil, fmt.Errorf("decode answer: %w", err)
	}
	if head.Size < 0 {
		return head, nil, fmt.Errorf("the answer says that the object has %d bytes", head.Size)
	}
	return head, answer[end:], nil
}

// sums remembers the sums of objects, which are asked for in parts, and by several nodes.
type sums struct {
	mu    sync.Mutex
	known map[string]objectHead
}

// keptSums is how many are remembered.
const keptSums = 4096

func (s *sums) of(key string, object store.Object) (uint64, error) {
	s.mu.Lock()
	known, ok := s.known[key]
	s.mu.Unlock()
	if ok && known.Size == object.Size() {
		return known.Sum, nil
	}
	hash := xxhash.New()
	if _, err := object.WriteTo(hash); err != nil {
		return 0, err
	}
	head := objectHead{Size: object.Size(), Sum: hash.Sum64()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= keptSums {
		s.known = map[string]objectHead{}
	}
	s.known[key] = head
	return head.Sum, nil
}
