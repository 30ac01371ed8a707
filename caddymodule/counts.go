package caddymodule

// counts is how much there is of each of some things. What there is none of takes no room: names
// and addresses come from outside. The zero value is empty.
type counts[K comparable] struct{ of map[K]int64 }

func (c *counts[K]) get(key K) int64 { return c.of[key] }

// add returns how much there is now.
func (c *counts[K]) add(key K, n int64) int64 {
	sum := c.of[key] + n
	if sum == 0 {
		delete(c.of, key)
		return 0
	}
	if c.of == nil {
		c.of = map[K]int64{}
	}
	c.of[key] = sum
	return sum
}
