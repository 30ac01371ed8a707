package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	memoryChannels = 40
	memoryWindow   = 3  // seconds
	memorySegments = 24 // of each encoder
	memoryGoal     = 1.15
)

// measureMemory compares the process's memory with what viewers can fetch. Forty channels
// with two encoders each are fed in real time and evenly, for long enough to replace
// everything that is held, some 512 MiB, three times. What is held is counted from outside:
// the sizes of all segments that can be fetched.
func measureMemory(ctx context.Context, b *bench) ([]row, error) {
	o, err := b.startOrigin(ctx, "store memory {\n\t\t\tcapacity 2GiB\n\t\t}\n"+pairs(memoryChannels, 1, memoryWindow), nil)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range memoryChannels {
		for _, input := range []string{"a", "b"} {
			wait.Go(func() {
				e := newEncoder(o.addr, b.large, fmt.Sprintf("/in/c%d/%s", i, input))
				defer e.close()
				time.Sleep(e.reel.length * time.Duration(i) / memoryChannels)
				err := pace(e.reel.length, memorySegments, func(int) error {
					if err := ctx.Err(); err != nil {
						return err
					}
					return e.feed(1)
				})
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = err
				}
			})
		}
	}
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	// Nothing expires while nothing arrives.
	resident, err := o.resident()
	if err != nil {
		return nil, err
	}
	held := int64(0)
	for i := range memoryChannels {
		n, err := heldBy(newViewer(o.addr, fmt.Sprintf("c%d", i)))
		if err != nil {
			return nil, err
		}
		held += n
	}
	factor := resident / float64(held)
	return []row{{
		what: "memory, of bytes held",
		ours: fmt.Sprintf("%.0f MiB", resident/(1<<20)), peer: fmt.Sprintf("%d MiB held", held>>20),
		ratio: fmt.Sprintf("%.2f", factor), goal: fmt.Sprintf("<= %.2f", memoryGoal), met: yes(factor <= memoryGoal),
	}}, nil
}

// heldBy adds up the segments of a channel that can be fetched, from the newest
// backwards: their names count.
func heldBy(v *viewer) (int64, error) {
	defer v.close()
	path, err := v.newest()
	if err != nil {
		return 0, err
	}
	stem, ext := strings.TrimSuffix(path, ".ts"), ".ts"
	dash := strings.LastIndexByte(stem, '-')
	number, err := strconv.Atoi(stem[dash+1:])
	if err != nil {
		return 0, fmt.Errorf("segment %s: %w", path, err)
	}
	held := int64(0)
	for ; ; number-- {
		size, err := v.size(stem[:dash+1] + strconv.Itoa(number) + ext)
		if err != nil {
			return 0, err
		}
		if size < 0 {
			return held, nil
		}
		held += size
	}
}
