package channel

import "time"

// perObject is what an object takes besides its bytes, with what the channel and the
// core know of it.
const perObject = 2 << 10

// Held is how much the channel's objects take, in bytes.
func (c *Channel) Held() int64 { return c.objects.held.Load() }

// SpareBytes is how much of it is kept for startover windows only, in bytes, as it was
// within the last second.
func (c *Channel) SpareBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.spareAt) < time.Second {
		return c.spareBytes
	}
	c.spareAt, c.spareBytes = now, 0
	for _, e := range c.endpoints {
		for _, s := range e.window.SpareSlots(now) {
			for i := range s.Renditions {
				c.spareBytes += s.Renditions[i].Size + perObject
			}
		}
	}
	return c.spareBytes
}
