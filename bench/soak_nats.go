package main

import (
	"context"
	"fmt"
	"os"
	"slices"
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
	s := &natsServers{processes: make([]*process, natsCount)}
	if s.cluster, err = natsserver.New(program, dir, slices.Repeat([]natsserver.Place{{Host: "127.0.0.1"}}, natsCount)...); err != nil {
		return nil, err
	}
	for i := range natsCount {
		if err := s.start(ctx, i); err != nil {
			return nil, err
		}
	}
	for i := range natsCount {
		for !s.cluster.Healthy(i) {
			if err := rest(ctx, 50*time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *natsServers) start(ctx context.Context, i int) (err error) {
	i %= natsCount
	args := s.cluster.Command(i).Args
	s.processes[i], err = start(ctx, nil, nil, args[0], args[1:]...)
	return err
}

func (s *natsServers) kill(i int) { s.processes[i%natsCount].kill() }

func (s *natsServers) stop() {
	for _, p := range s.processes {
		p.stop()
	}
}
