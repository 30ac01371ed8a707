package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// openWait is how long Open waits for the servers.
	openWait = 3 * time.Second
	// prepareWait is how long to wait before the stream is looked at again.
	prepareWait = time.Second
	// duplicates is how long servers know a message again by its id.
	duplicates = 2 * time.Minute
)

// Errors of the server when there are fewer servers than replicas.
const (
	codeNoPeers      jetstream.ErrorCode = 10005
	codeNotClustered jetstream.ErrorCode = 10074
)

var (
	errAway    = errors.New("no server can be reached")
	errStalled = errors.New("the servers give nothing")
)

// prepare makes sure that the stream is there. It waits for a moment, then it goes on in the
// background. Errors: that of the context.
func (s *Store) prepare(ctx context.Context) error {
	end := time.Now().Add(openWait)
	for {
		err := s.prepareStream(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			s.tell(JournalsUnavailable, "", err)
			s.running.Go(func() { s.prepareLater(err) })
			return nil
		}
		_ = pause(ctx, 2*retryWait)
	}
}

func (s *Store) prepareLater(last error) {
	for pause(s.ctx, prepareWait) == nil {
		err := s.prepareStream(s.ctx)
		if err == nil {
			s.tell(JournalsAvailable, "", nil)
			return
		}
		if s.ctx.Err() == nil && err.Error() != last.Error() {
			s.tell(JournalsUnavailable, "", err)
		}
		last = err
	}
}

// prepareStream creates the stream of the journals, or changes it to what it should be.
// Other nodes may be doing the same.
func (s *Store) prepareStream(ctx context.Context) error {
	if !s.nodes.JetStream().Conn().IsConnected() {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	js := s.nodes.JetStream()
	stream, err := js.Stream(ctx, s.names.journals)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err = js.CreateStream(ctx, s.wanted(jetstream.StreamConfig{})); err != nil {
			return s.explain("create", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", s.names.journals, err)
	}
	found := stream.CachedInfo().Config
	if s.suits(found) {
		return nil
	}
	if _, err := js.UpdateStream(ctx, s.wanted(found)); err != nil {
		return s.explain("change", err)
	}
	return nil
}

// explain adds what an operator may not see at once.
func (s *Store) explain(did string, err error) error {
	hint := ""
	switch errorCode(err) {
	case codeNotClustered, codeNoPeers:
		hint = fmt.Sprintf(" (replicas is %d: that many servers are needed)", s.options.Replicas)
	}
	return fmt.Errorf("%s stream %s: %w%s", did, s.names.journals, err, hint)
}

// wanted is the config of the stream; what does not matter to the nodes is the operator's.
func (s *Store) wanted(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.Name = s.names.journals
	c.Description = "journals of live origin nodes"
	c.Subjects = []string{s.names.prefix + ".journal.>"}
	c.Storage = jetstream.FileStorage
	c.Replicas = s.options.Replicas
	c.Duplicates = duplicates
	c.AllowDirect = true
	// Subscribers of the journals' own subjects would also see the appends that lost.
	c.RePublish = &jetstream.RePublish{Source: s.names.prefix + ".journal.>", Destination: s.names.prefix + ".appended.>"}
	return c
}

func (s *Store) suits(c jetstream.StreamConfig) bool {
	return c.Replicas == s.options.Replicas && c.Duplicates == duplicates && c.AllowDirect &&
		len(c.Subjects) == 1 && c.Subjects[0] == s.names.prefix+".journal.>" &&
		c.RePublish != nil && c.RePublish.Destination == s.names.prefix+".appended.>"
}
