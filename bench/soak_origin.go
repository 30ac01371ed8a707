package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// steadfast is an origin that is reloaded and restarted again and again, or a node of one.
type steadfast struct {
	*origin
	boot func(*origin) error // runs the process until the end of the soak

	// resets: the kernel resets connections at a reload, as it may not be told to hand them over.
	resets bool

	mu       sync.Mutex
	away     []span
	killed   []time.Time
	reloaded []span // where it resets
	started  time.Time
	reloads  int
	restarts int
}

// placeSteadfast prepares one; boot starts it.
func (b *bench) placeSteadfast(ctx context.Context, name string, block func(o *origin) string, d *diary) (*steadfast, error) {
	o := &origin{name: name, lossless: true}
	if err := b.place(o); err != nil {
		return nil, err
	}
	o.block = block(o)
	if err := o.write(""); err != nil {
		return nil, err
	}
	boot := func(o *origin) error {
		if err := b.boot(ctx, o, d.of(name)); err != nil {
			return err
		}
		return o.ready(ctx)
	}
	return &steadfast{origin: o, boot: boot, started: time.Now()}, nil
}

// ready waits until the origin has read its store. It listens a moment before that, and
// answers with 503 and Retry-After.
func (o *origin) ready(ctx context.Context) error {
	c := client{addr: o.admin, patience: readerPatience}
	defer c.close()
	for range 3000 {
		status, _, err := c.fetchAgain("/live_origin/health")
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the origin does not get ready:\n" + o.tail())
}

// current is the process, which others may be about to replace.
func (s *steadfast) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// wasAway reports whether there was no origin for a part of this time. A process that has
// just begun to listen has connections in its queue that the dead one left.
func (s *steadfast) wasAway(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range slices.Concat(s.away, s.reloaded) {
		if !to.Before(a.from) && !from.After(a.to) {
			return true
		}
	}
	return false
}

func (s *steadfast) outages() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]span(nil), s.away...)
}

// restart ends the process, perhaps by force, and starts it again.
func (s *steadfast) restart(force bool) error {
	s.mu.Lock()
	// Until it is back, nobody knows when that will be.
	s.away = append(s.away, span{time.Now(), time.Now().Add(time.Hour)})
	if force {
		s.killed = append(s.killed, time.Now())
	}
	s.restarts++
	s.mu.Unlock()
	if force {
		s.kill()
	} else {
		s.stop()
	}
	if err := s.write(fmt.Sprint("restart ", s.restarts)); err != nil {
		return err
	}
	next := *s.origin
	if err := s.boot(&next); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = next.process
	s.away[len(s.away)-1].to = time.Now()
	s.started = time.Now()
	return nil
}

// reload changes the config: the body of another site, so that Caddy does not think that
// there is nothing to do.
func (s *steadfast) reload() error {
	s.mu.Lock()
	s.reloads++
	body := fmt.Sprint("reload ", s.reloads)
	if s.resets {
		s.reloaded = append(s.reloaded, span{time.Now(), time.Now().Add(2 * time.Second)})
	}
	s.mu.Unlock()
	c := http.Client{Timeout: time.Minute}
	resp, err := c.Post("http://"+s.admin+"/load", "text/caddyfile", strings.NewReader(s.config(body)))
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("reload: %s", resp.Status)
	}
	return nil
}

// ticks never come if the period is 0.
func ticks(period time.Duration) (<-chan time.Time, func()) {
	if period <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(period)
	return t.C, t.Stop
}
