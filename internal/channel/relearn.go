package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// What is said once, a node may not have heard: initialization sections and multivariant playlists, which
// encoders send when they start, and orders. It was cut off for longer than messages are kept, or its
// config did not have the input yet. It asks the others for what stands, since without that it could not
// go on if they were gone.

// relearnAfter is how long it waits before it asks, up to twice as long so that not all channels do so at
// once: others may just be coming back as well, and what is lost comes in pieces.
const relearnAfter = time.Second

// relearning is whether that is going on, and is to be done again.
type relearning struct{ running, again bool }

// relearn asks the others, in the background. The lock may be held.
func (n *nodes) relearn() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.learning.again = true
	if n.learning.running {
		return
	}
	n.learning.running = true
	go func() {
		for n.learnsAgain() {
			for _, p := range n.readPeers(n.group.Status()) {
				if p.ready {
					n.learnFrom(p.Node)
				}
			}
		}
	}()
}

// learnsAgain reports whether to ask, when it is time to.
func (n *nodes) learnsAgain() bool {
	for waited := false; !waited || !n.ready.Load(); waited = true {
		select {
		case <-n.ledger.ctx.Done():
			return false
		case <-time.After(relearnAfter + rand.N(relearnAfter)):
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	again := n.learning.again
	n.learning = relearning{running: again}
	return again
}

// learnFrom takes over what a node was told later than this one.
func (n *nodes) learnFrom(node string) {
	theirs, err := n.standingAt(n.ledger.ctx, node)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, context.Canceled) {
			n.channel.outbox.trouble(fmt.Errorf("ask node %s for what stands: %w", node, err))
		}
		return
	}
	var uploads []uploadMessage
	n.locked(func() {
		for _, entry := range theirs.inOrder() {
			if !n.channel.standing.lacks(entry) {
				continue
			}
			if u := n.learn(entry); u != nil {
				uploads = append(uploads, *u)
			}
		}
	})
	for _, u := range uploads {
		n.replicate(node, u)
	}
}

// standingAt reads what stands at another node.
func (n *nodes) standingAt(ctx context.Context, node string) (*standing, error) {
	theirs := &standing{last: map[standingKey]standingEntry{}, at: map[standingKey]uint64{}}
	read := uint64(0)
	q := journalQuestion{Name: StandingFacts}
	for more := true; more; {
		answer, err := n.askPage(ctx, node, q)
		if err != nil {
			return nil, err
		}
		for _, text := range answer.Records {
			var entry standingEntry
			if err := json.Unmarshal(text, &entry); err != nil {
				return nil, fmt.Errorf("decode: %w", err)
			}
			read++
			theirs.enter(entry, read)
		}
		q.After = answer.Last
		more = answer.More && len(answer.Records) > 0
	}
	return theirs, nil
}

// learn takes over an entry, or returns an upload that brings it. The lock is held.
func (n *nodes) learn(entry standingEntry) *uploadMessage {
	c := n.channel
	switch {
	case entry.Order != nil:
		c.step(*entry.Order)
		c.outbox.trouble(c.standing.say(entry))
	case entry.Tables != nil:
		if in := c.inputs[entry.Tables.Input]; in != nil {
			in.keepTables(entry.Tables.Sort, entry.Tables.Tables)
			c.outbox.trouble(c.standing.say(entry))
		}
	case entry.Multivariant != nil:
		m := entry.Multivariant
		return &uploadMessage{Input: m.Input, Path: m.Path, Text: m.Text}
	case entry.Init != nil && len(entry.Init.Data) > 0:
		return &uploadMessage{Input: entry.Init.Input, Path: entry.Init.Path, Text: entry.Init.Data}
	case entry.Init != nil:
		return &uploadMessage{Input: entry.Init.Input, Path: entry.Init.Path, Key: entry.Init.Key, Size: -1}
	}
	return nil // how far endpoints have counted is in their histories
}

// lacks reports whether an entry of another node is news: it says something else, and was said later.
func (s *standing) lacks(entry standingEntry) bool {
	if m := entry.Multivariant; m != nil {
		for key, mine := range s.last {
			if key.kind == "multivariant" && key.of == m.Input && (!entry.Time.After(mine.Time) || slices.Equal(mine.Multivariant.Text, m.Text)) {
				return false // it has been replaced, or is known
			}
		}
		return true
	}
	mine, ok := s.last[entry.key()]
	return !ok || entry.Time.After(mine.Time) && !mine.says(entry)
}

// says reports whether two entries say the same, whenever that was.
func (e standingEntry) says(other standingEntry) bool {
	other.Time = e.Time
	return reflect.DeepEqual(e, other)
}
