//go:build race

package failover

// slowdown is how much slower traces run with the race detector. There is no
// goroutine in this package that it could find at fault.
const slowdown = 8
