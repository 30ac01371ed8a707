package channel

import "github.com/liveorigin/caddy-live-origin/internal/output"

// identifiers are the names of renditions as viewers see them, with the path that each
// stands for. They are guarded by Channel.mu.
type identifiers map[string]string

// maxIDs is how many identifiers are remembered.
const maxIDs = 10000

// claim refuses renditions whose identifier is that of another path: it is a hash of the
// path, and whoever found two paths with the same hash could replace another input's
// rendition with their own.
func (ids identifiers) claim(paths ...string) error {
	for _, path := range paths {
		if owner, known := ids[output.RenditionID(path)]; known && owner != path {
			return refuse(BadPath, "rendition %q has the same identifier as another one: give it another name", path)
		}
	}
	for _, path := range paths {
		ids[output.RenditionID(path)] = path
	}
	return nil
}

// bound forgets everything but what the endpoints serve now, once there are too many.
func (ids identifiers) bound(endpoints map[string]*endpoint) {
	if len(ids) < maxIDs {
		return
	}
	clear(ids)
	for _, e := range endpoints {
		slots := e.window.Slots()
		if len(slots) == 0 {
			continue
		}
		for _, r := range slots[len(slots)-1].Renditions {
			ids[r.ID] = r.Path
		}
	}
}
