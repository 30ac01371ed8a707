package channel

// Deleted reports whether the segment's objects are gone, but for those who read them.
func (c *Channel) Deleted(s *Segment) bool {
	for _, p := range s.parts {
		if c.objects.get(p.Key) == nil {
			return true
		}
	}
	return false
}
