package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natsserver"
)

// natsServers are the servers between several nodes.
type natsServers struct {
	cluster   *natsserver.Cluster
	processes []*process
}

// natsCount is how many: one of three may be away.
const natsCount = 3

func startNATS(ctx context.Context, dir string) (*natsServers, error) {
	program, err := natsserver.Build(ctx, func() { fmt.Fprintln(os.Stderr, "   nats-server is built") })
	if err != nil {
		return nil, fmt.Errorf("nats-server can't be built: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cluster, err := natsserver.New(program, dir, slices.Repeat([]natsserver.Place{{Host: "127.0.0.1"}}, natsCount)...)
	if err != nil {
		return nil, err
	}
	s := &natsServers{cluster: cluster, processes: make([]*process, natsCount)}
	for i := range natsCount {
		if err := s.start(i); err != nil {
			s.stop()
			return nil, err
		}
	}
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// ready waits until all of them are.
func (s *natsServers) ready(ctx context.Context) error {
	for i := range natsCount {
		for !s.cluster.Healthy(i) {
			if err := rest(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// start starts a server, which runs until stop.
func (s *natsServers) start(i int) (err error) {
	i %= natsCount
	args := s.cluster.Command(i).Args
	s.processes[i], err = start(context.Background(), nil, nil, args[0], args[1:]...)
	return err
}

func (s *natsServers) kill(i int) { s.processes[i%natsCount].kill() }

// halt lets a server hang (SIGSTOP), and resume lets it go on.
func (s *natsServers) halt(i int) error { return s.signal(i, syscall.SIGSTOP) }

func (s *natsServers) resume(i int) error { return s.signal(i, syscall.SIGCONT) }

func (s *natsServers) signal(i int, signal os.Signal) error {
	return s.processes[i%natsCount].cmd.Process.Signal(signal)
}

func (s *natsServers) stop() {
	for _, p := range s.processes {
		if p != nil {
			p.stop()
		}
	}
}
