package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// askTimeout bounds one question for a part of an object. A node that dies meanwhile is
	// noticed sooner.
	askTimeout = 5 * time.Second
	// hedge is how long one node is asked alone before the others are, too.
	hedge = 150 * time.Millisecond
	// farFrom is from what time there and back a node is asked for the beginning of an object at
	// once: that saves a trip, and is for nothing where another node answers first.
	farFrom = 10 * time.Millisecond
	// rangesAtOnce is how many parts of an object are asked for at a time.
	rangesAtOnce = 2
)

// holder is a node that has an object, and what it said of it.
type holder struct {
	node string
	head objectHead
	// first is how the object begins, as far as it was said with the head.
	first []byte
}

// findHolder asks the first node, and the others too if it does not have the object or
// hesitates. rest are the nodes that remain if the holder fails after all. Without a holder,
// the error is that of a node that could not be asked, or ErrNotFound.
func (s *Store) findHolder(ctx context.Context, nodes []string, key string) (found *holder, rest []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that have not answered need not
	type answer struct {
		holder *holder
		err    error
	}
	answers := make(chan answer, len(nodes))
	ask := func(node string, begin int64) {
		h, err := s.askHead(ctx, node, key, begin)
		answers <- answer{h, err}
	}
	begin, trip := int64(0), s.trip(nodes[0])
	if trip >= farFrom {
		begin = rangeSize
	}
	go ask(nodes[0], begin)
	asked, waiting := 1, 1
	timer := time.NewTimer(hedge + 2*trip)
	defer timer.Stop()
	askAll := func() {
		for ; asked < len(nodes); asked++ {
			waiting++
			go ask(nodes[asked], 0)
		}
	}
	err = store.ErrNotFound
	for waiting > 0 {
		select {
		case <-timer.C:
			askAll()
		case a := <-answers:
			waiting--
			if a.err == nil {
				return a.holder, without(nodes, a.holder.node), nil
			}
			if !errors.Is(a.err, store.ErrNotFound) {
				err = a.err
			}
			askAll()
		}
	}
	return nil, nil, err
}

func without(nodes []string, node string) []string {
	var rest []string
	for _, n := range nodes {
		if n != node {
			rest = append(rest, n)
		}
	}
	return rest
}

// trip is how long it takes to a node and back.
func (s *Store) trip(node string) time.Duration {
	for _, p := range s.nodes.Peers() {
		if p.Node == node {
			return 2 * p.Delay
		}
	}
	return 0
}

// askHead asks what there is of an object, and for so many bytes of how it begins. All of a small
// one comes.
func (s *Store) askHead(ctx context.Context, node, key string, begin int64) (*holder, error) {
	head, body, err := s.askRange(ctx, node, objectQuestion{Key: key, Begin: begin})
	if err != nil {
		return nil, err
	}
	return &holder{node: node, head: head, first: body}, nil
}

func (s *Store) askRange(ctx context.Context, node string, q objectQuestion) (objectHead, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	question, err := json.Marshal(q)
	if err != nil {
		return objectHead{}, nil, err
	}
	answer, err := s.nodes.Ask(ctx, node, objectTopic, question)
	if err != nil {
		return objectHead{}, nil, err
	}
	return readHead(answer)
}

// transfer brings the object from its holder into the node's own tier. One that is there
// meanwhile is as good.
func (s *Store) transfer(ctx context.Context, h *holder, key string, size int64) error {
	if size >= 0 && size != h.head.Size {
		return fmt.Errorf("it has %d bytes there, not %d", h.head.Size, size)
	}
	if h.head.URL != "" && s.reaches(h) {
		err := s.write(ctx, h, key, &s.fetched.http, s.readHTTP)
		if err == nil || errors.Is(err, store.ErrFull) || ctx.Err() != nil {
			return err
		}
		// The next ones must not lose as much time.
		s.unreached(h.head.URL)
		s.tell(FetchFailed, h.node, fmt.Errorf("object %q by HTTP, so it goes over NATS: %w", key, err))
	}
	return s.write(ctx, h, key, &s.fetched.nats, s.readRanges)
}

// reader writes the object to the writer and the hash.
type reader func(ctx context.Context, h *holder, key string, w store.Writer, hash *xxhash.Digest) error

// write writes what read reads, if it is what the holder promised: into the node's own tier, or, if that is full
// and it is urgent, into memory.
func (s *Store) write(ctx context.Context, h *holder, key string, by *way, read reader) error {
	w, err := s.local.Create(ctx, key, h.head.Size)
	err = s.writeTo(ctx, w, err, h, key, by, read)
	if !errors.Is(err, store.ErrFull) || !store.IsUrgent(ctx) {
		return err
	}
	s.tell(Overflowing, "", err)
	w, err = s.local.overflow(key, h.head.Size)
	return s.writeTo(ctx, w, err, h, key, by, read)
}

// writeTo does so with a writer, unless that could not be made.
func (s *Store) writeTo(ctx context.Context, w store.Writer, err error, h *holder, key string, by *way, read reader) error {
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Abort()
	hash := xxhash.New()
	if err := read(ctx, h, key, w, hash); err != nil {
		return err
	}
	if sum := hash.Sum64(); sum != h.head.Sum {
		return fmt.Errorf("its bytes have the xxHash64 %016x, not %016x", sum, h.head.Sum)
	}
	if err := w.Commit(); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	by.add(h.head.Size)
	return nil
}

// part is what a question for a range gave.
type part struct {
	bytes []byte
	err   error
}

// readRanges reads the object over NATS, some ranges ahead of what is written.
func (s *Store) readRanges(ctx context.Context, h *holder, key string, w store.Writer, hash *xxhash.Digest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := make(chan chan part, rangesAtOnce-1)
	go func() {
		defer close(parts)
		for offset := int64(len(h.first)); offset < h.head.Size; offset += rangeSize {
			one := make(chan part, 1)
			select {
			case parts <- one:
			case <-ctx.Done():
				return
			}
			go func() { one <- s.readRange(ctx, h, key, offset) }()
		}
	}()
	both := io.MultiWriter(hash, w)
	if _, err := both.Write(h.first); err != nil {
		return err
	}
	for one := range parts {
		p := <-one
		if p.err != nil {
			return p.err
		}
		if _, err := both.Write(p.bytes); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (s *Store) readRange(ctx context.Context, h *holder, key string, offset int64) part {
	length := min(rangeSize, h.head.Size-offset)
	head, body, err := s.askRange(ctx, h.node, objectQuestion{Key: key, Offset: offset, Length: length})
	if err == nil && (head.Size != h.head.Size || head.Sum != h.head.Sum) {
		err = errors.New("the object changed while it was read")
	}
	if err == nil && int64(len(body)) != length {
		err = fmt.Errorf("%d bytes came at %d, not %d", len(body), offset, length)
	}
	return part{body, err}
}
