package channel

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// What nodes say of themselves on its way. A channel may have very many endpoints, and says where each of them
// stands: that is long, and read whenever a slot is decided.

const (
	// packedStateFrom is from what length on a state is compressed (gzip): nodes of earlier versions did not
	// send such long ones at all.
	packedStateFrom = 16 << 10
	// stateAtMost is how long one may be that was unpacked.
	stateAtMost = 4 << 20
)

func (s nodeState) encode() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil || len(text) <= packedStateFrom {
		return text, err
	}
	return output.Gzip(text), nil
}

func decodeState(text []byte) (nodeState, error) {
	var state nodeState
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) { // gzip, and never JSON
		r, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return state, fmt.Errorf("unpack state: %w", err)
		}
		if text, err = io.ReadAll(io.LimitReader(r, stateAtMost)); err != nil {
			return state, fmt.Errorf("unpack state: %w", err)
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return state, fmt.Errorf("decode state: %w", err)
	}
	if state.Format > messageFormat {
		return nodeState{}, fmt.Errorf("state of format %d", state.Format)
	}
	return state, nil
}

// states are what other nodes said of themselves last, by node: each is decoded once, and not for each endpoint
// that looks at it.
type states struct {
	mu   sync.Mutex
	said map[string]saidState
}

// saidState is what a node said, and what that means. It must not be changed.
type saidState struct {
	text  []byte
	state nodeState
	ok    bool
}

// of is what a node said of itself last; false if it is nothing that this node understands.
func (s *states) of(p store.Peer) (nodeState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, heard := s.said[p.Node]
	if heard && bytes.Equal(last.text, p.State) {
		return last.state, last.ok
	}
	if s.said == nil {
		s.said = map[string]saidState{}
	}
	state, err := decodeState(p.State)
	s.said[p.Node] = saidState{p.State, state, err == nil}
	return state, err == nil
}

// keep forgets those who are not there any more.
func (s *states) keep(peers []store.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.said) <= len(peers) {
		return
	}
	there := map[string]bool{}
	for _, p := range peers {
		there[p.Node] = true
	}
	for node := range s.said {
		if !there[node] {
			delete(s.said, node)
		}
	}
}
