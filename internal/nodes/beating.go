package nodes

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// maxState bounds what a member says of itself.
	maxState = store.MaxState
	// A state of up to smallState comes with every beat.
	smallState = 256
	// A larger one comes when it has changed, and with every stateBeats-th beat.
	stateBeats = 12
	// beatStates bounds the states in one beat: a server takes up to 1 MiB, and JSON makes a
	// third more of them.
	beatStates = 384 << 10
	// maxGroups bounds the groups of one node.
	maxGroups = 4096
)

// beatFrame is what the node says of itself through one of its connections.
func (n *Nodes) beatFrame(c *connection) frame {
	n.mu.Lock()
	now := time.Now()
	f := frame{kind: kindBeat, path: byte(c.index), node: n.o.Node, epoch: n.epoch, number: n.beats.number}
	b := beat{At: now.UnixNano(), Distance: n.distance().Nanoseconds()}
	states := 0
	for _, g := range n.groups {
		group := beatGroup{Name: g.name, Last: max(c.sent[g.name], g.base), Base: g.base, Age: g.age(now)}
		if g.stateDue(f.number) && states+len(g.state) <= beatStates {
			group.State, group.HasState = g.state, true
			states += len(g.state)
		}
		b.Groups = append(b.Groups, group)
	}
	for _, p := range n.peers {
		if p.heard.IsZero() {
			continue
		}
		b.Heard = append(b.Heard, beatHeard{Node: p.name, Epoch: p.epoch, Number: p.beat, Held: now.Sub(p.heard).Nanoseconds(), Silence: n.silence(p).Nanoseconds()})
	}
	n.mu.Unlock()
	f.head = head(b)
	return f
}

// stateDue reports whether a beat has the state of a group.
func (g *Group) stateDue(number uint64) bool {
	switch {
	case !g.hasState:
		return false
	case len(g.state) <= smallState, number-g.stateBeat <= 2:
		return true
	}
	return (number+g.turn)%stateBeats == 0
}

// age is how long the group has had this member, in milliseconds.
func (g *Group) age(now time.Time) uint32 {
	return uint32(min(now.Sub(g.joined).Milliseconds(), 1<<31))
}
