package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store"
)

// desk is what inputs and endpoints share with their channel: where bytes and records are
// kept, who is told, and the way to the core. All of it except the outbox and objects,
// which have their own locks, is guarded by Channel.mu; whoever uses it holds that.
type desk struct {
	name  string // of the channel
	store store.Store
	// served is where viewers read from: with several nodes, what is still on its way is
	// waited for.
	served store.Store
	// journals keeps records. Where several nodes share the store, each has its own.
	journals store.Store
	nodes    *nodes // nil unless there may be others that run the channel
	objects  *objects
	outbox   *outbox

	core       *failover.Channel
	clock      clock
	standing   *standing
	arrivals   arrivals
	decisions  decisions
	remarks    remarks
	ids        identifiers
	unfinished unfinished
	channel    decider
}

// decider is the channel as seen by those who have something to tell the core. What the
// core decides is carried out before a method returns.
type decider interface {
	// step passes a fact to the core.
	step(f failover.Fact)
	// stepAt does so as of a time in an earlier process.
	stepAt(then time.Time, f failover.Fact)
	// arrive and list do so and note the fact in the journal of arrivals.
	arrive(object failover.Object)
	list(playlist failover.Playlist)
	// atOnce is how many of n things that were held back are passed on now.
	atOnce(n int) int
	// reselect adapts to what the inputs announce.
	reselect()
}

func newDesk(name string, st store.Store, core *failover.Channel) *desk {
	objects := newObjects(st, name)
	d := &desk{
		name:     name,
		store:    st,
		served:   st,
		journals: localOf(st),
		objects:  objects,
		outbox:   newOutbox(name),
		core:     core,
		clock:    clock{opened: time.Now()},
		standing: &standing{},
		remarks:  remarks{},
		ids:      identifiers{},
	}
	objects.later = &d.unfinished
	if localOf(st) != st {
		d.served = &elsewhere{st, d}
	}
	return d
}

// localOf is the part of a store that is this node's own.
func localOf(st store.Store) store.Store {
	if s, ok := st.(store.Shared); ok {
		return s.Local()
	}
	return st
}

func (d *desk) now() time.Time { return d.clock.now() }

func (d *desk) persistent() bool {
	p, ok := d.store.(store.Persistent)
	return ok && p.Persistent()
}

// forgetFacts empties the journals of what encoders and operators said.
func (d *desk) forgetFacts() error {
	d.standing.journal.forget(d.standing.journal.revision + 1)
	j := d.arrivals.journal
	if j == nil {
		return nil
	}
	// Its records may stay visible.
	_, err := j.append(arrival{Time: d.now(), Removed: true})
	j.forget(j.revision + 1)
	return err
}
