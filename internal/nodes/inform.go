package nodes

import (
	"bytes"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/store"
)

// maxChanges bounds what a member was not told yet; then the oldest goes.
const maxChanges = 64

// noteChange notes that the status has changed, for inform to tell. Under the lock of Nodes.
func (g *Group) noteChange() {
	if g.left {
		return
	}
	if len(g.changes) >= maxChanges {
		g.changes = g.changes[1:]
	}
	g.changes = append(g.changes, g.status())
	g.noteNews()
}

func (g *Group) noteNews() {
	select {
	case g.news <- struct{}{}:
	default:
	}
}

// askState has the member say its state again. A member that does not return from what it
// was asked before makes its own state old, and holds up nothing else.
func (g *Group) askState() {
	if !g.wantState {
		g.wantState = true
		g.noteNews()
	}
}

// inform calls Changed and State, one after the other.
func (g *Group) inform() {
	defer g.running.Done()
	for {
		select {
		case <-g.news:
		case <-g.ctx.Done():
			return
		}
		for g.ctx.Err() == nil {
			g.n.mu.Lock()
			var change *store.GroupStatus
			if len(g.changes) > 0 {
				first := g.changes[0]
				change, g.changes = &first, g.changes[1:]
			}
			want := g.wantState
			g.n.mu.Unlock()
			if change != nil {
				g.member.Changed(*change)
				continue
			}
			if !want {
				break
			}
			g.takeState(g.member.State())
		}
	}
}

func (g *Group) takeState(state []byte) {
	g.n.mu.Lock()
	defer g.n.mu.Unlock()
	g.wantState = false
	if len(state) > maxState {
		g.n.teller.tell(Event{Kind: SendFailed, Err: fmt.Errorf("%s: %w", g.name, errStateSize)})
		return
	}
	if g.hasState && bytes.Equal(g.state, state) {
		return
	}
	g.state, g.hasState, g.stateBeat = bytes.Clone(state), true, g.n.beats.number
}
