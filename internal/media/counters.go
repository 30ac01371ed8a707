package media

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// CounterState is the continuity counter of the last packet of each PID that was published.
// It marshals to JSON and back, and is never changed in place: to go on after a restart,
// keep it with the published segment. A nil state is that of a stream that starts, or
// starts again after a discontinuity.
type CounterState map[uint16]uint8

// CounterDelta is what to add, modulo 16, to the continuity counters of a part, by PID, as
// a text that records can hold and that can be compared: "0+3 256+15". PIDs that are not in
// it are left alone; empty changes nothing.
type CounterDelta string

// NewCounterDelta makes a delta of what to add to the counters of each PID.
func NewCounterDelta(add map[uint16]uint8) CounterDelta {
	var text []byte
	for _, pid := range slices.SortedFunc(maps.Keys(add), cmp.Compare) {
		if add[pid]&0xf == 0 {
			continue
		}
		if len(text) > 0 {
			text = append(text, ' ')
		}
		text = strconv.AppendUint(text, uint64(pid), 10)
		text = append(text, '+')
		text = strconv.AppendUint(text, uint64(add[pid]&0xf), 10)
	}
	return CounterDelta(text)
}

// each calls do for the PIDs of the delta. What is no entry is passed over.
func (d CounterDelta) each(do func(pid uint16, add uint8)) {
	for entry := range strings.SplitSeq(string(d), " ") {
		first, second, _ := strings.Cut(entry, "+")
		pid, noPID := strconv.ParseUint(first, 10, 13)
		add, noNumber := strconv.ParseUint(second, 10, 4)
		if noPID == nil && noNumber == nil && pid < tsNullPID {
			do(uint16(pid), uint8(add))
		}
	}
}

// PlanCounters says what has to be added to the continuity counters of each
// part, so that the parts, one after the other, continue from state without a jump
// (ISO/IEC 13818-1, 2.4.3.3). Deltas has an entry for each part, an empty one for those
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
		var adds map[uint16]uint8
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
				if adds == nil {
					adds = make(map[uint16]uint8)
				}
				adds[c.PID] = add
			}
			next[c.PID] = (c.Last + add) & 0xf
		}
		deltas[i] = NewCounterDelta(adds)
	}
	return deltas, next
}
