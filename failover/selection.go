package failover

// exclude sets which renditions the endpoint leaves out.
func (e *endpoint) exclude(paths []string) {
	e.excluded = map[string]bool{}
	for _, path := range paths {
		e.excluded[path] = true
		// When it is served again, it is a rendition that has just appeared.
		delete(e.marks, path)
	}
}

// serves lists what the endpoint takes from an input: what that serves, and what it used to
// serve and the endpoint has not reached yet.
func (e *endpoint) serves(in *input) []Announced {
	all := in.serves()
	for _, r := range in.renditions {
		if r.forgotten && r.announced == nil && r.arriving && r.holds(e.at-liveSlots*r.length, 1<<62) {
			all = append(all[:len(all):len(all)], Announced{Path: r.path, Kind: r.kind()})
		}
	}
	if len(e.excluded) == 0 {
		return all
	}
	list := make([]Announced, 0, len(all))
	for _, a := range all {
		if !e.excluded[a.Path] {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return all
	}
	return list
}

// renditionPaths lists the renditions of a slot: what any input serves, in the order of the
// inputs and of their playlists. Once the endpoint has begun, what is announced but was
// never delivered by any input is not listed.
func (q *question) renditionPaths() []string {
	var paths []string
	seen := map[string]bool{}
	for _, in := range q.channel.inputs {
		for _, a := range q.serves(in) {
			if q.started && !q.everDelivered(a.Path) {
				continue
			}
			if !seen[a.Path] {
				seen[a.Path] = true
				paths = append(paths, a.Path)
			}
		}
	}
	return paths
}

func (q *question) everDelivered(path string) bool {
	if _, ok := q.marks[path]; ok {
		return true
	}
	for _, in := range q.channel.inputs {
		if r := in.rendition(path); r != nil && r.arriving {
			return true
		}
	}
	return false
}
