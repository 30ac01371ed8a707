package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
)

// TestAFullNodeKeepsWhatIsLive: the store of every node is too small for the startover window. One
// node takes no upload itself. All of them give up the oldest, and serve what is listed.
func TestAFullNodeKeepsWhatIsLive(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := &site{t: t, servers: natstest.Start(t, 3), apart: map[uint64]bool{}}
	for i := range 3 {
		o := &origin{}
		o.prepare(t, "DEBUG")
		o.start(fmt.Sprintf(`store nats %s {
			node n%d
			max_size 8MiB
		}
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 6s
				startover_window 1h
			}
		}`, strings.Join(s.servers.URLs(), " "), i+1))
		s.nodes = append(s.nodes, o)
	}
	source := startContribution(t)
	at := source.nextBegin()
	for i, input := range []string{"a", "b"} {
		target := s.nodes[i].url("/in/sports/" + input)
		source.startEncoderAt(at, target, lockedOutput(target)...)
	}
	viewers := s.watchAll("/fast/sports")
	time.Sleep(80 * time.Second)
	for i, v := range viewers {
		v.finish()
		if missed := s.nodes[i].log.find("an upload to another node did not come to this one"); len(missed) > 0 {
			t.Errorf("node %d missed uploads: %v", i+1, missed[0])
		}
		if wrong := s.nodes[i].log.find("channel error"); len(wrong) > 0 {
			t.Errorf("node %d: %v", i+1, wrong[0])
		}
		if evicted := s.nodes[i].log.find("store is full, so startover windows are cut short"); len(evicted) == 0 {
			t.Errorf("node %d is not full", i+1)
		}
	}
	s.compare(t, viewers...)
}
