package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// streams is how many requests are under way on a connection of HTTP/2 or HTTP/3.
const streams = 4

var (
	h2loadRequests = regexp.MustCompile(`requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed`)
	h2loadBytes    = regexp.MustCompile(`traffic: .*\((\d+)\) total`)
)

// loadHTTP2 does what loadHTTP1 does with HTTP/2 over TLS, which wrk does not speak.
func (b *bench) loadHTTP2(ctx context.Context, url string) (requests, bytes float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.time+30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.h2load, "-t2", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-m%d", streams),
		"-D", strconv.Itoa(int(b.time.Seconds())), url).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("h2load: %w\n%s", err, out)
	}
	counts, traffic := h2loadRequests.FindSubmatch(out), h2loadBytes.FindSubmatch(out)
	if counts == nil || traffic == nil {
		return 0, 0, fmt.Errorf("h2load %s:\n%s", url, out)
	}
	requests, _ = strconv.ParseFloat(string(counts[1]), 64)
	bytes, _ = strconv.ParseFloat(string(traffic[1]), 64)
	if requests == 0 || string(counts[2]) != "0" {
		return 0, 0, fmt.Errorf("h2load %s:\n%s", url, out)
	}
	return requests / b.time.Seconds(), bytes / b.time.Seconds(), nil
}
