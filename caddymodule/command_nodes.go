package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
)

// unwrittenTooLong is from when on it is worth a word that the journal of all nodes takes
// nothing, in seconds: while its servers elect a leader, it does so for some seconds.
const unwrittenTooLong = 15

// printNodes prints the nodes of a channel, if there are several.
func printNodes(w io.Writer, s *channel.NodesStatus, now time.Time) {
	if s == nil {
		return
	}
	if s.Contact == store.Alone {
		fmt.Fprintf(w, "  ALONE for %s: no NATS server answers this node. It goes on with the inputs that reach it.\n"+
			"  Look at the NATS servers and at the network of this node; other nodes may be on air with other inputs.\n", length(now.Sub(s.Since).Seconds()))
	}
	if s.Unwritten > unwrittenTooLong {
		fmt.Fprintf(w, "  The journal of all nodes has taken nothing for %s. Channels go on; look at the NATS servers: JetStream needs more than half of them.\n",
			length(s.Unwritten))
	}
	printRow(w, "NODE", "STATE", "HEARS", "DECIDES", "SLOTS BEHIND", "DELAY", "CLOCK")
	for _, n := range s.Nodes {
		behind, delay, clock := "-", "-", "-"
		if n.Alive {
			behind = fmt.Sprint(n.Behind)
			if !n.Self {
				delay, clock = milliseconds(n.Delay), clockOff(n.Ahead)
			}
		}
		printRow(w, n.Node+choose(n.Self, " (this one)", ""), nodeStateText(s, n, now),
			orDash(strings.Join(n.Hears, ", ")), orDash(strings.Join(n.Decides, ", ")), behind, delay, clock)
	}
}

func nodeStateText(s *channel.NodesStatus, n channel.NodeStatus, now time.Time) string {
	switch {
	case n.Self && s.Contact == store.Alone:
		return "ALONE"
	case n.Self && s.Contact == store.OutOfContact:
		return "out of contact"
	case !n.Alive:
		return "LOST " + ago(n.Since, now)
	case !n.Ready:
		return "not ready"
	}
	return "here"
}

// clockOff says how far the clock of another node is from that of this one.
func clockOff(ahead float64) string {
	if ahead < 0 {
		return milliseconds(-ahead) + " behind"
	}
	return milliseconds(ahead) + " ahead"
}

// milliseconds prints seconds that are few.
func milliseconds(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}
