package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// resource is something that a process must not use more and more of.
type resource struct {
	name string
	// allowed is what the last quarter may be at most, if the first was so much, with so many
	// channels.
	allowed func(first, channels float64) float64
	format  func(float64) string
	read    func(*steadfast) (float64, error)
}

var resources = []resource{
	{"memory", func(v, _ float64) float64 { return v*1.15 + 32<<20 }, mebibytes, func(s *steadfast) (float64, error) { return s.current().resident() }},
	{"goroutines", func(v, _ float64) float64 { return v*1.05 + 50 }, whole, goroutines},
	{"file descriptors", func(v, _ float64) float64 { return v*1.05 + 50 }, whole, descriptors},
	// The slack is for a store that is nearly empty.
	{"disk, segments", func(v, _ float64) float64 { return v*1.2 + 1<<20 }, mebibytes, below("objects")},
	// Journals grow in files of 256 KiB, of which each journal needs two at most: with three
	// per channel it takes them half an hour to get there, which is no trend.
	{"disk, journals", func(v, channels float64) float64 { return max(v*1.2, channels*3*2*(256<<10)) }, mebibytes, below("journals")},
}

func mebibytes(v float64) string { return fmt.Sprintf("%.0f MiB", v/(1<<20)) }

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

// usages are samples of all resources, each in order.
type usages struct {
	mu      sync.Mutex
	samples [][]float64
	failed  int // samples that could not be taken
}

const (
	// samplePause is between two samples; shorter in a short run, so that there are enough.
	samplePause = 10 * time.Second
	// settled is after how many windows the store deletes as much as comes: what has left the
	// playlist stays for as long as the slowest download may take.
	settled = 5
)

// sample reads all resources again and again. What grows as windows fill is not looked at:
// in the beginning until the store deletes as much as comes, and later until a process that
// was just started has its window.
func (u *usages) sample(ctx context.Context, s *site, pause, window time.Duration) {
	if rest(ctx, settled*window) != nil {
		return
	}
	for rest(ctx, pause) == nil {
		if !s.startedWithin(window) {
			u.take(ctx, s)
		}
	}
}

// take takes what all nodes use.
func (u *usages) take(ctx context.Context, s *site) {
	values := make([]float64, len(resources))
	for _, n := range s.nodes {
		if !u.add(ctx, n, values) {
			return
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.samples = append(u.samples, values)
}

// add adds what a node uses, and reports whether that could be told.
func (u *usages) add(ctx context.Context, s *steadfast, values []float64) bool {
	begin := time.Now()
	for i, r := range resources {
		value, err := r.read(s)
		values[i] += value
		if err == nil {
			continue
		}
		if ctx.Err() == nil && !s.wasAway(begin, time.Now()) {
			fmt.Fprintf(os.Stderr, "!!! %s %s: %v\n", s.name, r.name, err)
			u.mu.Lock()
			u.failed++
			u.mu.Unlock()
		}
		return false
	}
	return !s.wasAway(begin, time.Now())
}

// quarters are the medians of the first and of the last quarter of the samples.
func (u *usages) quarters(i int) (first, last float64, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.samples) / 4
	if n == 0 {
		return 0, 0, false
	}
	values := make([]float64, len(u.samples))
	for j, s := range u.samples {
		values[j] = s[i]
	}
	return median(values[:n]), median(values[len(values)-n:]), true
}

// keep writes all samples to a file.
func (u *usages) keep(path string) {
	var b strings.Builder
	for i, s := range u.samples {
		fmt.Fprint(&b, i)
		for _, value := range s {
			fmt.Fprintf(&b, "\t%.0f", value)
		}
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "!!!", err)
	}
}

// goroutines reads what the process says of itself on its admin address.
func goroutines(s *steadfast) (float64, error) {
	c := http.Client{Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	resp, err := c.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			_, _ = io.Copy(io.Discard, resp.Body)
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no go_goroutines in the metrics (%s)", resp.Status)
}

func descriptors(s *steadfast) (float64, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.current().cmd.Process.Pid))
	return float64(len(entries)), err
}

// below is the size of the files in a folder of the store.
func below(folder string) func(*steadfast) (float64, error) {
	return func(s *steadfast) (float64, error) {
		var sum float64
		err := filepath.WalkDir(filepath.Join(s.store(), folder), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return gone(err)
			}
			info, err := d.Info()
			if err == nil {
				sum += float64(info.Size())
			}
			return gone(err)
		})
		return sum, err
	}
}

// gone forgives what was deleted meanwhile, and a store that is not on disk.
func gone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
