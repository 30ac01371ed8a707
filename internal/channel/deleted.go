package channel

import "github.com/liveorigin/caddy-live-origin/internal/output"

// Deleted reports whether the segment's objects are gone, but for those who read them.
func (c *Channel) Deleted(s *output.Segment) bool {
	for _, key := range s.Keys() {
		if c.objects.get(key) == nil {
			return true
		}
	}
	return false
}
