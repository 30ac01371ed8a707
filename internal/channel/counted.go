package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// How far an endpoint has counted is a standing fact: where the store ends with the process, nothing
// else outlives it.

const (
	// runningAhead is by how much media sequence numbers have to be ahead of the Unix time, at which
	// they begin: less is jitter, and passes before another process has something to publish.
	runningAhead = 2
	// reserved is how many are kept as used at a time then.
	reserved = 1000
)

// count keeps how far the endpoint has counted, for a process that finds none of its slots.
func (e *endpoint) count(decided failover.Slot) error {
	count := failover.Counted{Endpoint: e.config.Name, Discontinuities: decided.DiscontinuityNumber, Number: e.reservedTo}
	if decided.MSN >= max(e.reservedTo, uint64(max(time.Now().Unix(), 0))+runningAhead) {
		count.Number = decided.MSN + reserved
	}
	if e.decided != nil && e.decided.DiscontinuityNumber == decided.DiscontinuityNumber && count.Number == e.reservedTo {
		return nil
	}
	e.reservedTo = count.Number
	return e.desk.standing.say(standingEntry{Count: &count})
}

// unsaid is how many discontinuities may have been counted since that was last kept: where the store
// ends with the process, it is kept with a delay.
const unsaid = 10

// outlived is where the numbers of an endpoint go on of which no slot is left.
func outlived(count failover.Counted) failover.Counted {
	count.Discontinuities += unsaid
	return count
}
