package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestReloadsLoseNothing: the config changes every two seconds while encoders
// upload and viewers download. No packet is lost, no number falls, and counters go
// on. A config with a mistake changes nothing.
func TestReloadsLoseNothing(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	block := func(window int, more string) string {
		return fmt.Sprintf(`
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window %ds
			}
%s
		}`, window, more)
	}
	o := startOrigin(t, block(20, ""))
	source.startEncoder(o.url("/in/sports/a"))
	source.startEncoder(o.url("/in/sports/b"))
	fast := watch(t, o, "/fast/sports")
	fast.wait(2)
	// While one server hands over to the next, a connection may be reset before
	// anybody has read from it; players and CDNs ask again.
	fast.patient.Store(true)
	for i := range 12 {
		more := ""
		if i%3 == 1 {
			more = "\t\t\tendpoint extra /extra/sports"
		}
		o.reload(block(21+i, more))
		time.Sleep(2 * time.Second)
	}
	o.configure(block(20, "\t\t\tnonsense"))
	out, err := exec.Command(caddyBinary, "reload", "--config", o.config, "--adapter", "caddyfile", "--address", o.admin).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nonsense") {
		t.Errorf("a config with a mistake: %v\n%s", err, out)
	}
	fast.wait(2)
	fast.finish()
	checkEveryPacket(t, fast, source.recorded())
	if n := len(o.log.find("active input switched")); n > 0 {
		t.Errorf("%d switches", n)
	}
}
