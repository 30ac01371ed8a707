package failover

// What an encoder says at a segment that viewers don't get: media may be lost, and not that a break has ended.

// passed are the tags of listed segments that viewers have nothing of, between two positions: of the
// rendition of one input, each segment's in a list of its own.
func passed(ref *rendition, from, to Ticks) [][]string {
	if ref == nil || to <= from {
		return nil
	}
	var list [][]string
	for _, s := range ref.behind(from) {
		if !s.placed || s.channelMiddle() <= from {
			continue
		}
		if s.channelMiddle() >= to {
			break
		}
		if len(s.tags) > 0 {
			list = append(list, s.tags)
		}
	}
	return list
}

// passedBy is the same for a slot without media: as the active input says, else the first one that says
// anything.
func (q *question) passedBy(from, to Ticks) [][]string {
	if in := q.channel.input(q.active); in != nil {
		if list := passed(q.leader(in, from), from, to); list != nil {
			return list
		}
	}
	for _, in := range q.channel.inputs {
		if list := passed(q.leader(in, from), from, to); list != nil {
			return list
		}
	}
	return nil
}
