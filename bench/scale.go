package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// scaleRenditions is how many each encoder sends.
const scaleRenditions = 3

// measureScale runs many channels in real time: two inputs, three renditions with a segment
// of 64 KiB and a playlist per 1.92 s each. The origin's CPU time is the kernel's own count
// for the process, so the load generator next to it does not count. The goal, 0 for none,
// is in cores.
func measureScale(channels int, goal float64) func(context.Context, *bench) ([]row, error) {
	return func(ctx context.Context, b *bench) ([]row, error) {
		u, err := b.scale(ctx, channels)
		if err != nil {
			return nil, err
		}
		cores := u.cpu * float64(channels) / time.Hour.Seconds()
		r := row{
			what: fmt.Sprintf("CPU, %d channels, 2 inputs, 3 renditions", channels),
			ours: fmt.Sprintf("%.1f s per channel and hour, %.2f cores", u.cpu, cores),
			peer: fmt.Sprintf("%.0f MiB; encoders late by %s at most", u.resident/(1<<20), u.late.Round(time.Millisecond)), ratio: "-",
			goal: "-", met: "-",
		}
		if goal > 0 {
			r.goal, r.met = fmt.Sprintf("<= %.2f cores", goal), yes(cores <= goal)
		}
		return []row{r}, nil
	}
}

// usage is what a number of channels cost.
type usage struct {
	cpu      float64       // seconds per channel and hour
	resident float64       // bytes
	late     time.Duration // how far encoders are behind schedule, if the machine is overloaded
}

// spent is what was sent up to a given time, and what it cost the process.
type spent struct {
	segments int64
	cpu      float64 // seconds
}

// encodersPerConnection are those of one input that send at the same moment.
const encodersPerConnection = 4

func (b *bench) scale(ctx context.Context, channels int) (usage, error) {
	o, err := b.startOrigin(ctx, "store memory {\n\t\t\tcapacity 8GiB\n\t\t}\n"+pairs(channels, 1, 6), nil)
	if err != nil {
		return usage{}, err
	}
	defer o.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var u usage
	measured := int(max(10*b.time, 20*time.Second) / b.slow.length)
	const warm = 14       // segments: until windows are full
	var sent atomic.Int64 // segments
	var u0, u1 spent
	for first := 0; first < channels; first += encodersPerConnection {
		for which, input := range []string{"a", "b"} {
			var paths []string
			for c := first; c < min(first+encodersPerConnection, channels); c++ {
				for r := range scaleRenditions {
					paths = append(paths, fmt.Sprintf("/in/c%d/%s/v%d", c, input, r))
				}
			}
			wait.Go(func() {
				e := newEncoder(o.addr, b.slow, paths...)
				defer e.close()
				// Spread over the length of a segment, b a little after a.
				offset := e.reel.length * time.Duration(first) / time.Duration(channels)
				time.Sleep(offset + time.Duration(which)*20*time.Millisecond)
				start := time.Now()
				if err := pace(e.reel.length, warm+measured, func(i int) error {
					if err := ctx.Err(); err != nil {
						return err
					}
					late := time.Since(start) - time.Duration(i)*e.reel.length
					mu.Lock()
					if i >= warm {
						u.late = max(u.late, late)
					}
					mu.Unlock()
					sent.Add(int64(len(paths)))
					return e.feed(1)
				}); err != nil {
					cancel(err)
				}
			})
		}
	}
	clock := func(at time.Duration) (s spent, err error) {
		if err = rest(ctx, at); err == nil {
			s.segments = sent.Load()
			s.cpu, err = o.cpu()
		}
		return s, err
	}
	if b.profile != "" {
		wait.Go(func() {
			err := rest(ctx, (warm+1)*b.slow.length)
			if err == nil {
				err = b.takeProfile(ctx, o, fmt.Sprintf("scale-%d", channels), time.Duration(measured-2)*b.slow.length)
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	wait.Go(func() {
		var err error
		if u0, err = clock((warm + 1) * b.slow.length); err == nil {
			u1, err = clock(time.Duration(measured-2) * b.slow.length)
		}
		if err == nil {
			u.resident, err = o.resident()
		}
		if err != nil {
			cancel(err)
		}
	})
	wait.Wait()
	// By what was sent, and not by the time that it took: an overloaded machine is late.
	perHour := 2 * scaleRenditions * time.Hour.Seconds() / b.slow.length.Seconds()
	u.cpu = (u1.cpu - u0.cpu) / float64(u1.segments-u0.segments) * perHour
	if err := context.Cause(ctx); err != nil {
		return u, err
	}
	return u, b.complete(o, channels)
}

// complete makes sure that all renditions of all channels are on air.
func (b *bench) complete(o *origin, channels int) error {
	for i := range channels {
		v := newViewer(o.addr, fmt.Sprintf("c%d", i))
		names, err := v.renditions()
		v.close()
		if err != nil {
			return err
		}
		if len(names) != scaleRenditions {
			return fmt.Errorf("c%d has %d renditions", i, len(names))
		}
	}
	return nil
}

// idleChannels is how many are configured that nobody sends to.
const idleChannels = 1000

// measureIdle compares a process with many channels that nobody sends to with one that
// has a single channel.
func measureIdle(ctx context.Context, b *bench) ([]row, error) {
	var sizes [2]float64
	for i, channels := range []int{1, 1 + idleChannels} {
		o, err := b.startOrigin(ctx, pairs(channels, 1, 6), nil)
		if err != nil {
			return nil, err
		}
		err = rest(ctx, 3*time.Second)
		if err == nil {
			sizes[i], err = o.resident()
		}
		o.stop()
		if err != nil {
			return nil, err
		}
	}
	return []row{{
		what: "memory of an idle channel, two inputs", ours: fmt.Sprintf("%.1f KiB", (sizes[1]-sizes[0])/idleChannels/1024),
		peer: fmt.Sprintf("of %.0f MiB with %d channels", sizes[1]/(1<<20), 1+idleChannels), ratio: "-", goal: "-", met: "-",
	}}, nil
}
