package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// measureLatency measures from outside how long it takes from the last byte of a segment's
// upload to a playlist that lists it. The encoder's playlist has come before that, and so
// has all of the segment but its last TS packet. The clock starts when that packet is
// written, and then the endpoint's playlist is fetched again and again over a second
// connection. The time until the first one that lists the segment has arrived is an upper
// bound: it includes the way back, the fetches that came too early, and, with many
// channels, the client's own share of the machine.
func measureLatency(ctx context.Context, b *bench) ([]row, error) {
	duration := max(5*b.time, 15*time.Second)
	var rows []row
	for _, l := range []struct {
		what      string
		channels  int
		programme *programme
		goal      float64
	}{
		// As many as it takes for uploads to come one at a time, 20 ms apart.
		{"listed after, 1 channel, 2 MiB", 96, b.large, 0.002},
		{"listed after, 1 channel, 64 KiB", 48, b.small, 0.002},
		{"listed after, 100 channels, 64 KiB", 100, b.slow, 0.002},
		{"listed after, 500 channels, 64 KiB", 500, b.slow, 0.004},
		{"listed after, 1000 channels, 64 KiB", 1000, b.slow, 0},
	} {
		delays, err := b.listedAfter(ctx, l.channels, l.programme, duration)
		if err != nil {
			return rows, err
		}
		p99 := quantile(delays.listed, 0.99)
		r := row{
			what: fmt.Sprintf("%s (%d samples)", l.what, len(delays.listed)), ours: percentiles(delays.listed),
			peer: "one GET of respond " + percentiles(delays.control), ratio: "-", goal: "-", met: "-",
		}
		if l.goal > 0 {
			r.goal, r.met = "p99 < "+milliseconds(l.goal), yes(p99 < l.goal)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func percentiles(seconds []float64) string {
	return fmt.Sprintf("p50 %s, p99 %s, worst %s", milliseconds(quantile(seconds, 0.5)), milliseconds(quantile(seconds, 0.99)), milliseconds(quantile(seconds, 1)))
}

// delays are in seconds.
type delays struct {
	mu     sync.Mutex
	listed []float64
	// control is how long a trivial request to the same process takes at that moment: the
	// part of the delay that is due to the machine, not the origin.
	control []float64
}

// station is one channel with its encoder and its viewer.
type station struct {
	encoder *encoder
	viewer  *viewer
	control *client
}

// listedAfter runs the channels side by side, one encoder each, spread evenly
// over the length of a segment.
func (b *bench) listedAfter(ctx context.Context, channels int, p *programme, duration time.Duration) (*delays, error) {
	period := p.length
	o, err := b.startOrigin(ctx, "store memory {\n\t\t\tcapacity 6GiB\n\t\t}\n"+pairs(channels, 1, 3), nil)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	stations := make([]station, channels)
	defer func() {
		for _, s := range stations {
			s.close()
		}
	}()
	for i := range stations {
		name := fmt.Sprintf("c%d", i)
		stations[i] = station{newEncoder(o.addr, p, "/in/"+name+"/a"), newViewer(o.addr, name), &client{addr: o.respond}}
	}
	// All have begun before the first is measured, one after the other, in the order in
	// which their segments will come.
	if err := forAll(ctx, stations, func(ctx context.Context, i int, s station) error {
		time.Sleep(period * time.Duration(i) / time.Duration(channels))
		return s.viewer.begin(ctx, s.encoder, 2)
	}); err != nil {
		return nil, err
	}
	d := &delays{}
	run := func(ctx context.Context) (float64, error) {
		return 0, forAll(ctx, stations, func(ctx context.Context, i int, s station) error {
			time.Sleep(period * time.Duration(i) / time.Duration(channels))
			return s.follow(ctx, period, int(duration/period), d)
		})
	}
	_, err = b.profiled(o, fmt.Sprintf("latency-%d-%d", channels, len(p.segments[0].data)>>10), run)(ctx)
	return d, err
}

// forAll runs do for all stations at once, until one fails.
func forAll(ctx context.Context, stations []station, do func(ctx context.Context, i int, s station) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for i, s := range stations {
		wait.Go(func() {
			if err := do(ctx, i, s); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

func (s station) close() {
	if s.encoder != nil {
		s.encoder.close()
		s.viewer.close()
		s.control.close()
	}
}

// follow measures n segments of the channel.
func (s station) follow(ctx context.Context, period time.Duration, n int, d *delays) error {
	edge, err := s.viewer.edge()
	if err != nil {
		return err
	}
	return pace(period, n, func(int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		edge++
		listed, err := s.measure(edge)
		if err != nil {
			return err
		}
		begin := time.Now()
		if _, err := s.control.get("/"); err != nil {
			return err
		}
		control := time.Since(begin)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.listed = append(d.listed, listed.Seconds())
		d.control = append(d.control, control.Seconds())
		return nil
	})
}

// measure uploads the next segment and fetches the playlist until it ends with
// the given number.
func (s station) measure(edge int) (time.Duration, error) {
	e := s.encoder
	if err := e.announce(e.inputs[0], e.next); err != nil {
		return 0, err
	}
	path := e.inputs[0] + "/" + e.name(e.next)
	last, err := e.send(path, e.reel.segment(), packetSize)
	if err != nil {
		return 0, err
	}
	e.next++
	for {
		now, err := s.viewer.edge()
		if err != nil {
			return 0, err
		}
		delay := time.Since(last)
		if now >= edge {
			return delay, e.accepted(path)
		}
		if delay > 5*time.Second {
			return 0, fmt.Errorf("%s was not listed within 5 s", path)
		}
	}
}
