package media

import "maps"

// CounterState is the continuity counter of the last packet of each PID that was published.
// It marshals to JSON and back, and is never changed in place: to go on after a restart,
// keep it with the published segment. A nil state is that of a stream that starts, or
// starts again after a discontinuity.
type CounterState map[uint16]uint8

// CounterDelta is what to add, modulo 16, to the continuity counters of a
// part, by PID. PIDs that are not in it are left alone; nil changes nothing.
type CounterDelta map[uint16]uint8

// PlanCounters says what has to be added to the continuity counters of each
// part, so that the parts, one after the other, continue from state without a jump
// (ISO/IEC 13818-1, 2.4.3.3). Deltas has an entry for each part, nil for those
// whose bytes can be used as they are. Next is the state after the last part.
//
// A PID that state doesn't know starts as it is. Jumps inside a part remain;
// see [Info.CounterErrors].
func PlanCounters(state CounterState, parts []*Info) (deltas []CounterDelta, next CounterState) {
	next = maps.Clone(state)
	if next == nil {
		next = make(CounterState)
	}
	deltas = make([]CounterDelta, len(parts))
	for i, part := range parts {
		for _, c := range part.Counters {
			var add uint8
			if last, known := next[c.PID]; known {
				want := last
				if c.HasPayload {
					want++ // packets without payload repeat the counter
				}
				add = (want - c.First) & 0xf
			}
			if add != 0 {
				if deltas[i] == nil {
					deltas[i] = make(CounterDelta)
				}
				deltas[i][c.PID] = add
			}
			next[c.PID] = (c.Last + add) & 0xf
		}
	}
	return deltas, next
}
