package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// trace is where a node writes that of a channel.
func (s *soak) trace(channel, node string) string {
	return filepath.Join(s.keepPath(), channel+"."+node+".trace")
}

// replay runs all traces again, over all reloads and restarts: what that decides must be what was
// published. The origin has ended, so that the traces are complete.
func (s *soak) replay(ctx context.Context, caddy string) {
	for _, c := range s.channels {
		for _, n := range s.site.nodes {
			s.replayOne(ctx, caddy, c.name, s.trace(c.name, n.name))
		}
	}
}

func (s *soak) replayOne(ctx context.Context, caddy, channel, trace string) {
	out, err := exec.CommandContext(ctx, caddy, "live-origin", "replay", trace).CombinedOutput()
	s.replayed++
	if err == nil {
		return
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	lines = lines[max(0, len(lines)-3):] // what was recorded, what was replayed, and that they differ
	s.findings = append(s.findings, finding{
		kind: foundReplay, channel: channel, at: time.Now(), piece: -1,
		text: fmt.Sprintf("%s: %v: %s", trace, err, bytes.Join(lines, []byte("; "))),
	})
}
