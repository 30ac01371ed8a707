package nats

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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

// prepare makes sure that the streams are there. It waits for a moment, then it goes on in the
// background. Errors: that of the context.
func (s *Store) prepare(ctx context.Context) error {
	end := time.Now().Add(openWait)
	for {
		err := s.prepareStreams(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			s.running.Go(func() { s.prepareLater(err) })
			return nil
		}
		_ = pause(ctx, 2*retryWait)
	}
}

// prepareLater goes on until the streams are there, and tells why they are not.
func (s *Store) prepareLater(err error) {
	var told recent
	for err != nil {
		if text := err.Error(); !told.has(text) {
			told.add(text, time.Minute)
			s.tell(StreamsUnavailable, "", err)
		}
		if pause(s.ctx, prepareWait) != nil {
			return
		}
		if err = s.prepareStreams(s.ctx); s.ctx.Err() != nil {
			return
		}
	}
	s.tell(StreamsAvailable, "", nil)
}

// prepareStreams creates the streams, or changes them to what they should be. Other nodes may
// be doing the same.
func (s *Store) prepareStreams(ctx context.Context) error {
	if conn := s.nodes.JetStream().Conn(); !conn.IsConnected() {
		// A server that refuses the login or the certificate says so here alone.
		if err := conn.LastError(); err != nil {
			return fmt.Errorf("%w: %w", errAway, err)
		}
		return errAway
	}
	for _, wanted := range s.streams() {
		if err := s.prepareStream(ctx, wanted); err != nil {
			return err
		}
	}
	return nil
}

// streams are those that the nodes use, that of the journals first.
func (s *Store) streams() []jetstream.StreamConfig {
	journals := jetstream.StreamConfig{
		Name:        s.names.journals,
		Description: "journals of live origin nodes",
		Subjects:    []string{s.names.prefix + ".journal.>"},
		Replicas:    s.options.Replicas,
	}
	if s.options.BackupSize == 0 {
		return []jetstream.StreamConfig{journals}
	}
	objects := jetstream.StreamConfig{
		Name:        s.names.objects,
		Description: "backup of the objects of live origin nodes",
		Subjects:    []string{s.names.prefix + ".object.>"},
		Replicas:    s.options.Replicas,
		MaxBytes:    s.options.BackupSize,
	}
	return []jetstream.StreamConfig{journals, objects}
}

func (s *Store) prepareStream(ctx context.Context, wanted jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	js := s.nodes.JetStream()
	stream, err := js.Stream(ctx, wanted.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err = js.CreateStream(ctx, changed(jetstream.StreamConfig{}, wanted)); err != nil {
			return s.explain("create", wanted.Name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", wanted.Name, err)
	}
	found := stream.CachedInfo().Config
	config := changed(found, wanted)
	if reflect.DeepEqual(found, config) {
		return nil
	}
	if _, err := js.UpdateStream(ctx, config); err != nil {
		return s.explain("change", wanted.Name, err)
	}
	return nil
}

// changed is the config with what matters to the nodes; all else is the operator's.
func changed(c, wanted jetstream.StreamConfig) jetstream.StreamConfig {
	c.Name, c.Description, c.Subjects = wanted.Name, wanted.Description, wanted.Subjects
	c.Replicas = wanted.Replicas
	if wanted.MaxBytes > 0 {
		c.MaxBytes = wanted.MaxBytes
	}
	c.Storage = jetstream.FileStorage
	c.Duplicates = duplicates
	c.AllowDirect = true
	return c
}

// explain adds what an operator may not see at once.
func (s *Store) explain(did, stream string, err error) error {
	hint := ""
	switch errorCode(err) {
	case codeNotClustered, codeNoPeers:
		hint = fmt.Sprintf(" (replicas is %d: that many servers are needed)", s.options.Replicas)
	}
	return fmt.Errorf("%s stream %s: %w%s", did, stream, err, hint)
}
