package failover

// exclude sets which renditions the endpoint leaves out.
func (e *endpoint) exclude(paths []string) {
	e.excluded = map[string]bool{}
	for _, path := range paths {
		e.excluded[path] = true
		// When it is served again, it is a rendition that has just appeared.
		delete(e.marks, path)
		delete(e.missedSlots, path)
	}
}

// serves lists what the endpoint takes of an input.
func (e *endpoint) serves(in *input) []Announced {
	all := in.serves()
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

// reference is the input's rendition whose segments make the endpoint's slots.
func (e *endpoint) reference(in *input) *rendition { return in.leading(e.serves(in)) }

// renditionPaths lists the renditions of the endpoint: what any input serves, in
// the order of the inputs and of their playlists.
func (e *endpoint) renditionPaths() []string {
	var paths []string
	seen := map[string]bool{}
	for _, in := range e.channel.inputs {
		for _, a := range e.serves(in) {
			if !seen[a.Path] {
				seen[a.Path] = true
				paths = append(paths, a.Path)
			}
		}
	}
	return paths
}
