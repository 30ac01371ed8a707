//go:build !race

package failover

// slowdown is how much slower traces run with the race detector.
const slowdown = 1
