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
	// reserved is how many are kept as used at a time then, and how many may pass until it is kept again
	// how far an endpoint has counted.
	reserved = 1000
	// clockBehind is by how much a clock has to be behind that of an earlier process to have been set
	// back since: clocks of nodes differ by less.
	clockBehind = time.Second
)

// count keeps how far the endpoint has counted, for a process that finds none of its slots.
func (e *endpoint) count(decided failover.Slot) error {
	count := failover.Counted{Endpoint: e.config.Name, Discontinuities: decided.DiscontinuityNumber, Number: e.reservedTo}
	if decided.MSN >= max(e.reservedTo, uint64(max(time.Now().Unix(), 0))+runningAhead) {
		count.Number = decided.MSN + reserved
	}
	known := e.decided != nil && e.decided.DiscontinuityNumber == decided.DiscontinuityNumber
	if known && count.Number == e.reservedTo && decided.MSN < e.reachedTo {
		return nil
	}
	e.reservedTo, e.reachedTo = count.Number, decided.MSN+reserved
	return e.desk.standing.say(standingEntry{Count: &count, Reached: decided.MSN})
}

// behind is the entry as it holds where the clock is behind the time at which it was said, as on a machine
// that starts before it knows the time: numbers that begin at the Unix time would go back.
func (e standingEntry) behind(now time.Time) standingEntry {
	if e.Count == nil || e.Reached == 0 || !now.Before(e.Time.Add(-clockBehind)) {
		return e
	}
	count := *e.Count
	count.Number = max(count.Number, e.Reached+reserved)
	e.Count = &count
	return e
}

// unsaid is how many discontinuities may have been counted since that was last kept: where the store
// ends with the process, it is kept with a delay.
const unsaid = 10

// outlived is where the numbers of an endpoint go on of which no slot is left.
func outlived(count failover.Counted) failover.Counted {
	count.Discontinuities += unsaid
	return count
}
