package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// upload is a load of segments over 32 connections: 16 groups of channels with two
// inputs each, a connection per group and input. Every encoder sends real segments in
// order, with timestamps that go on, and its playlist now and then, so that each segment
// is probed, stored, matched with that of the other input and published.
type upload struct {
	programme *programme
	// perConnection is how many encoders share a connection. An origin publishes no faster
	// than media plays, so it takes many channels to load a machine.
	perConnection int
	// perTurn is how many segments each encoder sends in a turn, one of them before the
	// clock starts. A turn begins when that much media time has passed since the previous
	// one.
	perTurn int
	// playlistEvery is after how many segments the playlist is sent.
	playlistEvery int
}

const ingestGroups = connections / 2

var (
	// largeUpload sends about 1 GiB per turn, in 64 channels.
	largeUpload = upload{perConnection: 4, perTurn: 5, playlistEvery: 1}
	// smallUpload sends about 500 MiB per turn, in 512 channels. Its playlists are rarer,
	// as the objects are what counts.
	smallUpload = upload{perConnection: 32, perTurn: 9, playlistEvery: 4}
)

func (u upload) channels() int { return ingestGroups * u.perConnection }

// pairsForTurns are the channels. Encoders are silent while others have their turn. That
// must not look like a failure: grace is longer than all of it takes.
func (u upload) pairsForTurns() string {
	return pairs(u.channels(), 1, 3, "failover_grace 10m", "on_defect slow report")
}

// target takes uploads.
type target struct {
	upload
	// first and second are the encoders of the two inputs, by group of channels.
	first, second []*encoder
	due           time.Time // of the next turn
	// ready, which may be nil, waits until the first turn may come. after checks or clears
	// what a turn leaves behind.
	ready func(context.Context) error
	// woken, which may be nil, is called when a turn begins to count.
	woken func()
	after func() error
}

func newTarget(addr string, u upload) *target {
	t := &target{upload: u}
	for group := range ingestGroups {
		var a, b []string
		for i := range u.perConnection {
			c := group*u.perConnection + i
			a, b = append(a, fmt.Sprintf("/in/c%d/a", c)), append(b, fmt.Sprintf("/in/c%d/b", c))
		}
		t.first = append(t.first, newEncoder(addr, u.programme, a...))
		t.second = append(t.second, newEncoder(addr, u.programme, b...))
	}
	return t
}

func (t *target) close() {
	for _, e := range append(t.first, t.second...) {
		e.close()
	}
}

// begin starts the encoders, as encoder.start does. The first input always comes first: an
// endpoint that began with the second would fail over in the first turn.
func (t *target) begin(ctx context.Context) error {
	for _, n := range []int{2, 1} {
		feed := func(e *encoder) error { return e.feed(n) }
		if err := t.all(ctx, feed, t.first); err != nil {
			return err
		}
		if err := t.all(ctx, feed, t.second); err != nil {
			return err
		}
		if err := rest(ctx, t.programme.length); err != nil {
			return err
		}
	}
	t.due = time.Now().Add(time.Duration(t.perTurn) * t.programme.length)
	if t.ready == nil {
		return nil
	}
	return t.ready(ctx)
}

// turn sends the load and returns segments and their bytes per second.
// Playlists are sent, but not counted.
func (t *target) turn(ctx context.Context) (segments, bytes float64, err error) {
	if err := rest(ctx, time.Until(t.due)); err != nil {
		return 0, 0, err
	}
	t.due = time.Now().Add(time.Duration(t.perTurn) * t.programme.length)
	// After a silence the first input comes first, as an endpoint does not wait for one
	// that is down while another is up.
	wake := func(e *encoder) error { return e.feed(1) }
	if err := t.all(ctx, wake, t.first); err != nil {
		return 0, 0, err
	}
	if err := t.all(ctx, wake, t.second); err != nil {
		return 0, 0, err
	}
	if t.woken != nil {
		time.Sleep(100 * time.Millisecond) // the log comes a little later
		t.woken()
	}
	var mu sync.Mutex
	begin := time.Now()
	err = t.all(ctx, func(e *encoder) error {
		for i := 1; i < t.perTurn; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := e.deliver(i%t.playlistEvery == 0)
			if err != nil {
				return err
			}
			mu.Lock()
			bytes += float64(n)
			mu.Unlock()
		}
		return nil
	}, t.first, t.second)
	seconds := time.Since(begin).Seconds()
	if err == nil {
		err = t.after()
	}
	return float64((t.perTurn-1)*t.channels()*2) / seconds, bytes / seconds, err
}

// all lets encoders do something side by side, until one fails.
func (t *target) all(ctx context.Context, do func(*encoder) error, lists ...[]*encoder) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	err := ctx.Err()
	for _, list := range lists {
		for _, e := range list {
			wait.Go(func() {
				if failed := do(e); failed != nil {
					mu.Lock()
					defer mu.Unlock()
					err = failed
				}
			})
		}
	}
	wait.Wait()
	return err
}

// published makes sure that the origin does all of its work: in every channel as many slots
// were published as segments came since the last check. Failovers are reported.
type published struct {
	*origin
	*target
	found *switches
	// offsets are the differences between media sequence numbers and the encoder's
	// own, by channel.
	offsets []int
}

// wait waits until all endpoints have begun.
func (p *published) wait(ctx context.Context) error {
	for i := range p.channels() {
		v := newViewer(p.origin.addr, fmt.Sprintf("c%d", i))
		err := v.wait(ctx)
		v.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// forget discards what the silence before a turn has caused: on a slow machine, an input
// may have been down when the endpoint began.
func (p *published) forget() {
	p.found.mu.Lock()
	defer p.found.mu.Unlock()
	p.found.found = nil
}

func (p *published) check() error {
	known := p.offsets != nil
	if !known {
		p.offsets = make([]int, p.channels())
	}
	for i := range p.offsets {
		v := newViewer(p.origin.addr, fmt.Sprintf("c%d", i))
		edge, err := v.edge()
		v.close()
		if err != nil {
			return err
		}
		offset := edge - p.first[i/p.perConnection].next
		if known && offset != p.offsets[i] {
			return fmt.Errorf("channel c%d: %d slots more or less than segments", i, offset-p.offsets[i])
		}
		p.offsets[i] = offset
	}
	p.found.mu.Lock()
	defer p.found.mu.Unlock()
	if n := len(p.found.found); n > 0 {
		// On a machine that is too slow, inputs are silent for three segments in a turn.
		fmt.Fprintf(os.Stderr, "!!! %d FAILOVERS, which are not what is measured, such as:\n%s\n", n, p.found.last)
	}
	return nil
}
