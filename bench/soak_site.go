package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// site is what encoders, readers and players talk to: one origin, or several nodes of one and the
// NATS servers between them.
type site struct {
	nodes    []*steadfast
	servers  *natsServers // nil for one node
	older    string       // program that nodes begin with, and run in every other round; empty for the same
	restarts int
}

// startSite starts so many nodes. block is the config of one.
func (b *bench) startSite(ctx context.Context, nodes int, block func(o *origin, urls []string) string, d *diary) (*site, error) {
	s := &site{older: b.older}
	var urls []string
	if nodes > 1 {
		var err error
		if s.servers, err = startNATS(ctx, filepath.Join(b.dir, "nats")); err != nil {
			return nil, err
		}
		urls = s.servers.cluster.URLs()
	}
	for i := range nodes {
		n, err := b.placeSteadfast(ctx, nodeName(i), func(o *origin) string { return block(o, urls) }, d)
		if err != nil {
			s.stop()
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	failed := make([]error, nodes)
	var wait sync.WaitGroup
	for i, n := range s.nodes {
		n.program = s.older
		wait.Go(func() { failed[i] = n.boot(n.origin) })
	}
	wait.Wait()
	if err := errors.Join(failed...); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func nodeName(i int) string { return fmt.Sprint("node-", i+1) }

func (s *site) several() bool { return len(s.nodes) > 1 }

// at is the node at this address.
func (s *site) at(addr string) *steadfast { return s.nodes[s.index(addr)] }

func (s *site) index(addr string) int {
	for i, n := range s.nodes {
		if n.addr == addr {
			return i
		}
	}
	panic("no node is at " + addr)
}

// other is the address to which a client turns from this one; the same where there is no other.
func (s *site) other(addr string) string {
	return s.nodes[(s.index(addr)+1)%len(s.nodes)].addr
}

// outages are those that excuse the loss of media.
func (s *site) outages() outages {
	o := outages{killed: map[string][]time.Time{}}
	for _, n := range s.nodes {
		n.mu.Lock()
		o.killed[n.addr] = append([]time.Time(nil), n.killed...)
		n.mu.Unlock()
	}
	if !s.several() {
		// What one process has acknowledged outlives it.
		return outages{away: s.nodes[0].outages()}
	}
	return o
}

// absence is how long nodes were away, in all.
func (s *site) absence() time.Duration {
	var sum time.Duration
	for _, n := range s.nodes {
		for _, a := range n.outages() {
			sum += a.to.Sub(a.from)
		}
	}
	return sum.Round(100 * time.Millisecond)
}

func (s *site) reloads() (n int) {
	for _, node := range s.nodes {
		n += node.reloads
	}
	return n
}

func (s *site) stop() {
	for _, n := range s.nodes {
		if n.process != nil {
			n.stop()
		}
	}
	if s.servers != nil {
		s.servers.stop()
	}
}

// hang is for how long a NATS server hangs beyond the restart of a node.
const hang = 4 * time.Second

// restart ends a node, by force every other time, and starts it again: one after the other. Where there
// are several, a third of the restarts takes a NATS server along, and with another third one of them hangs.
func (s *site) restart(ctx context.Context) error {
	i := s.restarts
	s.restarts++
	node := s.nodes[i%len(s.nodes)]
	node.program = ""
	if (i/len(s.nodes))%2 == 1 {
		node.program = s.older
	}
	again := func() error { return node.restart(i%2 == 1) }
	if s.servers == nil {
		return again()
	}
	// Not the same for each node in each round.
	round := i / len(s.nodes)
	switch server := round; (i + round) % 3 {
	case 1:
		if err := s.servers.halt(server); err != nil {
			return err
		}
		if err := errors.Join(again(), rest(ctx, hang), s.servers.resume(server)); err != nil {
			return err
		}
		return s.servers.ready(ctx)
	case 2:
		s.servers.kill(server)
		if err := errors.Join(again(), s.servers.start(server)); err != nil {
			return err
		}
		return s.servers.ready(ctx)
	default:
		return again()
	}
}

func (s *site) reload() error {
	for _, n := range s.nodes {
		if err := n.reload(); err != nil {
			return err
		}
	}
	return nil
}

// exitPause is how often to look whether a process has ended by itself.
const exitPause = time.Second

// tend reloads and restarts on schedule until the context ends. It returns early if a
// process does what it should not.
func (s *site) tend(ctx context.Context, reload, restart time.Duration) error {
	reloads, stop := ticks(reload)
	defer stop()
	restarts, stop := ticks(restart)
	defer stop()
	looks, stop := ticks(exitPause)
	defer stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-looks:
			err = s.alive()
		case <-reloads:
			err = s.reload()
		case <-restarts:
			err = s.restart(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *site) alive() error {
	for _, n := range s.nodes {
		select {
		case <-n.current().exited:
			return fmt.Errorf("%s ended by itself:\n%s", n.name, n.current().tail())
		default:
		}
	}
	return nil
}

// startedWithin reports whether a node was started in the last so much time.
func (s *site) startedWithin(d time.Duration) bool {
	for _, n := range s.nodes {
		n.mu.Lock()
		started := n.started
		n.mu.Unlock()
		if time.Since(started) < d {
			return true
		}
	}
	return false
}
