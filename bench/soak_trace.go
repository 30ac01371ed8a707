package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// replay runs the trace of each channel again, over all reloads and restarts: what that decides
// must be what was published. The origin has ended, so that the traces are complete.
func (s *soak) replay(ctx context.Context, caddy string) {
	for _, c := range s.channels {
		trace := filepath.Join(s.options.keep, c.name+".trace")
		out, err := exec.CommandContext(ctx, caddy, "live-origin", "replay", trace).CombinedOutput()
		s.replayed++
		if err != nil {
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			lines = lines[max(0, len(lines)-3):] // what was recorded, what was replayed, and that they differ
			s.findings = append(s.findings, finding{
				kind: foundReplay, channel: c.name, at: time.Now(), piece: -1,
				text: fmt.Sprintf("%s: %v: %s", trace, err, bytes.Join(lines, []byte("; "))),
			})
		}
	}
}
