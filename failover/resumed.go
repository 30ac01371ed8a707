package failover

import "slices"

// An encoder that was started again may go on counting, as one does that takes its numbers from the clock: no new run
// can be told from that. What it has left out will never come all the same.

// resumes reports whether an encoder was started again within the run that sends this playlist: it lists nothing of
// what the one before did, leaves numbers out, and has half the length at most. The playlist of an encoder that goes
// on, and of which some were lost, is as long as before.
func (r *rendition) resumes(list []ListedSegment) bool {
	return r.listed && list[0].Number > r.edge+1 && 2*len(list) <= r.entries
}

// abandoned reports whether a segment of this run that has not arrived never will: its encoder has been started again,
// and media has come since.
func (r *rendition) abandoned(s *segment) bool {
	return s.run == r.run && s.number < r.resumed && slices.ContainsFunc(r.after(r.run, r.resumed-1), (*segment).delivered)
}

// omits reports whether the numbers just before a segment were left out when its encoder was started again, or before.
func (r *rendition) omits(next *segment) bool {
	i := r.index(next)
	return i > 0 && next.delivered() && next.run == r.run && next.number <= r.resumed && r.segments[i-1].run == next.run && r.segments[i-1].number+1 < next.number
}
