//go:build race

package e2e

// raceEnabled: the origin under test is built with the race detector as well.
const raceEnabled = true
