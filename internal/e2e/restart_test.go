package e2e

import (
	"fmt"
	"testing"
)

// TestTheOriginIsKilledAndComesBack: with a store of files, viewers go on where
// they were: no number falls, nothing that was published changes, and the media
// that could not be uploaded costs one discontinuity.
func TestTheOriginIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, fmt.Sprintf("\t\tstore file %s\n", t.TempDir())+oneEndpoint)
	start := func() []*encoder {
		return []*encoder{source.startEncoder(o.url("/in/sports/a")), source.startEncoder(o.url("/in/sports/b"))}
	}
	encoders := start()
	fast := watch(t, o, "/fast/sports")
	fast.patient.Store(true)
	fast.wait(4)
	for range 2 {
		o.killAndRestart()
		// ffmpeg ends when nobody listens; whoever runs it starts it again.
		for _, e := range encoders {
			e.kill()
		}
		encoders = start()
		fast.wait(4)
	}
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity != 2 {
			t.Errorf("%s: %d discontinuities after two restarts", uri, f.discontinuity)
		}
	}
}
