package failover

import (
	"flag"
	"iter"
)

var (
	firstSeed = flag.Uint64("seed", 0, "the first seed of tests that run random histories")
	seedCount = flag.Uint64("seeds", 0, "how many seeds such a test runs, if not as many as usual")
)

// seeds are those of a test that runs random histories: usually so many, from 0 on, and fewer with the race
// detector. What a test said of a seed is seen again with -seed N -seeds 1.
func seeds(usual uint64) iter.Seq[uint64] {
	count := usual / slowdown
	if *seedCount > 0 {
		count = *seedCount
	}
	return func(yield func(uint64) bool) {
		for n := range count {
			if !yield(*firstSeed + n) {
				return
			}
		}
	}
}
