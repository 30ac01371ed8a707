package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How records are read from the stream. Package jetstream offers less than the servers do:
// no batches, and no way to ask the leader of a stream that allows direct gets.

const (
	// getTimeout bounds one read.
	getTimeout = 500 * time.Millisecond
	// batchTimeout is how long to wait for the next message of a batch.
	batchTimeout = time.Second
	// batchRecords and batchBytes bound what is read at a time.
	batchRecords = 1024
	batchBytes   = 4 << 20
)

// directGet, with a stream behind it, is where any of its servers answers.
const directGet = "$JS.API.DIRECT.GET."

// errNotFound: the stream has no such message.
var errNotFound = errors.New("no message")

func isNotFound(err error) bool { return errors.Is(err, errNotFound) }

// message is a record as it lies in the stream.
type message struct {
	sequence uint64
	revision uint64
	id       string
	header   nats.Header
	record   []byte
}

// getRequest is what the server is asked for.
type getRequest struct {
	Seq      uint64 `json:"seq,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// directLast asks any server for the last message of a subject of a stream.
func (s *Store) directLast(ctx context.Context, stream, subject string) (*message, error) {
	return s.direct(ctx, stream, getRequest{Last: subject})
}

// directNext asks any server for the first message of a subject from the sequence on.
func (s *Store) directNext(ctx context.Context, stream, subject string, sequence uint64) (*message, error) {
	return s.direct(ctx, stream, getRequest{Next: subject, Seq: sequence})
}

func (s *Store) direct(ctx context.Context, stream string, r getRequest) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	request, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	m, err := s.nodes.JetStream().Conn().RequestWithContext(ctx, directGet+stream, request)
	if err != nil {
		return nil, err
	}
	if err := status(m); err != nil {
		return nil, err
	}
	return parse(m), nil
}

// directBatch asks any server for the next messages of a subject. What came is good also
// when there is an error.
func (s *Store) directBatch(ctx context.Context, stream, subject string, sequence uint64) ([]*message, error) {
	request, err := json.Marshal(getRequest{Next: subject, Seq: sequence, Batch: batchRecords, MaxBytes: batchBytes})
	if err != nil {
		return nil, err
	}
	conn := s.nodes.JetStream().Conn()
	inbox := conn.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := conn.PublishRequest(directGet+stream, inbox, request); err != nil {
		return nil, err
	}
	var batch []*message
	for {
		m, err := nextMessage(ctx, sub)
		if err != nil {
			return batch, err
		}
		if err := status(m); err != nil {
			if errors.Is(err, errEndOfBatch) {
				err = nil
			}
			return batch, err
		}
		batch = append(batch, parse(m))
	}
}

func nextMessage(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

var errEndOfBatch = errors.New("end of batch")

// status is what an answer without a message says.
func status(m *nats.Msg) error {
	switch status := m.Header.Get("Status"); status {
	case "":
		return nil
	case "204":
		return errEndOfBatch
	case "404":
		return errNotFound
	case "503":
		return nats.ErrNoResponders
	default:
		return fmt.Errorf("server answered %s %s", status, m.Header.Get("Description"))
	}
}

// parse reads the place of a message from its headers.
func parse(m *nats.Msg) *message {
	sequence, _ := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	revision, _ := strconv.ParseUint(m.Header.Get(revisionHeader), 10, 64)
	return &message{sequence: sequence, revision: revision, id: m.Header.Get(jetstream.MsgIDHeader), header: m.Header, record: m.Data}
}

// leaderLast asks the leader of the stream for the last message of a subject.
func (s *Store) leaderLast(ctx context.Context, subject string) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	request, err := json.Marshal(getRequest{Last: subject})
	if err != nil {
		return nil, err
	}
	m, err := s.nodes.JetStream().Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+s.names.journals, request)
	if err != nil {
		return nil, err
	}
	if err := answered(m.Data); err != nil {
		if errorCode(err) == jetstream.JSErrCodeMessageNotFound {
			return nil, errNotFound
		}
		return nil, err
	}
	var got struct {
		Message struct {
			Seq  uint64 `json:"seq"`
			Hdrs []byte `json:"hdrs"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &got); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	header, err := nats.DecodeHeadersMsg(got.Message.Hdrs)
	if err != nil {
		return nil, fmt.Errorf("decode headers: %w", err)
	}
	found := parse(&nats.Msg{Header: header, Data: got.Message.Data})
	found.sequence = got.Message.Seq
	return found, nil
}

// answered is the error in an answer of the API.
func answered(data []byte) error {
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}
