package channel

import (
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// input is what is known about one encoder's uploads: what it put where, for its own GET,
// and what waits until the core can use it.
type input struct {
	*desk
	name   string
	config atomic.Pointer[InputConfig]

	// What follows is guarded by Channel.mu.
	gone     bool // taken out of the config
	binder   binder
	unlisted unlisted
	// multivariants are those in force, in the order in which they came first.
	multivariants []*announcement
	listings
	// said is what its operator has been told.
	said  map[saidKey]time.Time
	waits waits
	// held are segments that wait for the configuration of their run.
	held map[string]heldSegment
	// mixed is what its operator has been told of sound in several codecs. regrouped: what it is found
	// from has other groups since.
	mixed     string
	regrouped bool
	// up: it delivers, as the core said last.
	up bool
	// announced are the paths of the renditions in its multivariant playlists.
	announced []string
	// master is what it announced, told is what the core was last told.
	master, told []failover.Announced

	// What follows has locks of its own.
	turns chan struct{} // see Turn
	texts texts
	shelf
}

func newInput(d *desk, name string) *input {
	return &input{desk: d, name: name, turns: make(chan struct{}, 1), shelf: newShelf(), binder: newBinder()}
}
