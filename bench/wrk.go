package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const connections = 32

// wrkReport makes wrk print exact numbers; its own are rounded.
const wrkReport = `done = function(summary, latency, requests)
	local e = summary.errors
	io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.bytes, summary.duration,
		e.connect + e.read + e.write + e.status + e.timeout))
end
`

// loadHTTP1 fetches a URL with 32 connections, and returns requests and bytes per
// second.
func (b *bench) loadHTTP1(ctx context.Context, url string) (requests, bytes float64, err error) {
	script := filepath.Join(b.dir, "report.lua")
	if err := os.WriteFile(script, []byte(wrkReport), 0o644); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.time+30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.wrk, "-t2", "--timeout", "20s", fmt.Sprintf("-c%d", connections),
		fmt.Sprintf("-d%ds", int(b.time.Seconds())), "-s", script, url).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	_, result, ok := strings.Cut(string(out), "RESULT ")
	var microseconds, failed float64
	if n, _ := fmt.Sscan(result, &requests, &bytes, &microseconds, &failed); !ok || n != 4 || failed > 0 || requests == 0 {
		return 0, 0, fmt.Errorf("wrk %s:\n%s", url, out)
	}
	return requests / microseconds * 1e6, bytes / microseconds * 1e6, nil
}
