package store

import (
	"context"
	"time"
)

// Shared is what an engine also implements whose nodes run the same channels together.
//
// Its own methods span all nodes: Create writes to the node's own tier and never waits for
// others, Open fetches what the node does not have from one that has it, and there is one
// Journal for all. Local is for what is the node's own business.
type Shared interface {
	Store
	// Local is the node's own tier. Other nodes don't see its journals, and nothing in it
	// waits for them. The store closes it.
	Local() Store
	// Join makes the node one of those that run this channel. The channel follows ValidKey.
	// Errors: ErrKey, ErrClosed, and that the node is a member already.
	Join(channel string, m Member) (Group, error)
}

// Group is a channel's connection to the other nodes that run it. Nothing but Ask and Fetch
// waits for anybody.
type Group interface {
	// Node is the name of this node.
	Node() string
	// Send gives a message to all other nodes, in order. The engine keeps a copy. Messages
	// have up to 8 MiB. What is sent while nobody can be reached is kept for as long as
	// the engine's bounds allow, so that the others can still ask for it.
	Send(message []byte)
	// Ask asks a node that is a member of the group; an empty name means any. The answer
	// has up to 64 MiB. Errors: that of the context, ErrNotFound if there is no such node,
	// and what Member.Answer said.
	Ask(ctx context.Context, node string, question []byte) ([]byte, error)
	// Fetch brings an object of another node into this node's tier, under the same key.
	// from is asked first; any other that has it will do. An object that is there already
	// is no error. size is its length, or -1. Errors: ErrNotFound, ErrFull, ErrClosed, and
	// that of the context.
	Fetch(ctx context.Context, key string, size int64, from string) error
	// Status says which nodes are there.
	Status() GroupStatus
	// Woke is when this process ran again after it had stood still for a second or more, zero
	// if it never did. What it knows of other nodes is from before that until it has heard
	// them. It costs next to nothing.
	Woke() time.Time
	// Received reports whether the member has received what the others had sent by a moment, to
	// within the time between two signs of life of a node. It costs next to nothing.
	Received(moment time.Time) bool
	// Leave ends the membership: nothing of Member is called after it has returned.
	Leave()
}

// Member is told what the other nodes of a group say.
type Member interface {
	// Receive takes a message of another node. Those of one node come in the order in which
	// it sent them, each once, and one at a time; what was lost on the way is brought back
	// from any node that still has it. message is the member's to keep.
	Receive(from string, message []byte)
	// Lost says that messages of another node could not be brought back.
	Lost(from string, count int)
	// Answer answers a question of another node. It may be called many times at once.
	Answer(ctx context.Context, from string, question []byte) ([]byte, error)
	// State is what the others find in Peer.State, up to MaxState bytes: a longer one is not taken. It is called several times
	// a second, and must not wait.
	State() []byte
	// Changed says that Status has changed in anything but the times and the peers' state.
	Changed(GroupStatus)
}

// MaxState is how long the state of a member may be, in bytes.
const MaxState = 64 << 10

// Contact is how a node is connected with the others.
type Contact string

const (
	// InContact: what this node sends reaches the servers, and comes back.
	InContact Contact = "in contact"
	// OutOfContact: nothing has come back for a moment. It may be over soon; what the others
	// do meanwhile is not known.
	OutOfContact Contact = "out of contact"
	// Alone: that has lasted, so the node goes on by itself.
	Alone Contact = "alone"
)

// GroupStatus says which nodes run a channel.
type GroupStatus struct {
	Contact Contact
	// Since when; zero if never before.
	Since time.Time
	// Assured is until when no other node gives this one up for dead, as far as it can tell: what
	// it sends by then reaches them before they go on without it. Zero if no other one is there.
	Assured time.Time
	// Distance is how long it takes to the servers and back, at best.
	Distance time.Duration
	// Peers are the other nodes that were heard in the last minutes, by name.
	Peers []Peer
}

// Peer is another node.
type Peer struct {
	Node string
	// Alive: it was heard just now. It is false within 300 ms of its death.
	Alive bool
	// Since when it has been alive, or not.
	Since time.Time
	// Heard is when it was heard last.
	Heard time.Time
	// Delay is how long its messages are under way, as far as this node can tell.
	Delay time.Duration
	// Distance is how long it takes from it to the servers and back, as it says.
	Distance time.Duration
	// Ahead is how far its clock is ahead of this node's, to within Delay.
	Ahead time.Duration
	// State is what its member said last.
	State []byte
}
