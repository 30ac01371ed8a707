package main

import (
	"context"
	"os"
	"slices"
)

// ingestPeers are those that take uploads in turns.
type ingestPeers struct {
	names   []string
	targets map[string]*target
	origins map[string]*origin
	stop    func()
}

const (
	sharedMemory = "/dev/shm"
	onTmpfs      = "nginx on tmpfs"
)

// ingestPeers starts the origin with both stores, and nginx on the same file system
// as the file store, and in memory where there is /dev/shm.
func (b *bench) ingestPeers(ctx context.Context, u upload) (*ingestPeers, error) {
	peers := &ingestPeers{targets: map[string]*target{}, origins: map[string]*origin{}}
	var stops []func()
	peers.stop = func() {
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	add := func(name string, t *target) {
		peers.names, peers.targets[name] = append(peers.names, name), t
		stops = append(stops, t.close)
	}
	nginx := func(name, dir string) error {
		n, err := b.startNginx(ctx, dir)
		if err != nil {
			return err
		}
		stops = append(stops, n.stop)
		t := newTarget(n.addr, u)
		// Ours deletes what has expired; nginx is spared that.
		t.after = n.clear
		add(name, t)
		return nil
	}
	origin := func(name, store string) error {
		found := &switches{}
		o, err := b.startOrigin(ctx, store+u.pairsForTurns(), found.line)
		if err != nil {
			return err
		}
		stops = append(stops, o.stop)
		t := newTarget(o.addr, u)
		p := &published{origin: o, target: t, found: found}
		t.ready, t.woken, t.after = p.wait, p.forget, p.check
		peers.origins[name] = o
		add(name, t)
		return nil
	}
	err := origin("memory", "store memory {\n\t\t\tcapacity 6GiB\n\t\t}\n")
	if err == nil {
		err = nginx("nginx", b.dir)
	}
	var store string
	if err == nil {
		// Its own: what another row has left fills the channels' shares.
		store, err = os.MkdirTemp(b.dir, "store-")
	}
	if err == nil {
		stops = append(stops, func() { os.RemoveAll(store) })
		err = origin("file", "store file "+store+" {\n\t\t\tmax_size 6GiB\n\t\t}\n")
	}
	if err == nil {
		if dir, failed := os.MkdirTemp(sharedMemory, "live-origin-bench-"); failed == nil {
			stops = append(stops, func() { os.RemoveAll(dir) })
			err = nginx(onTmpfs, dir)
		}
	}
	for _, name := range peers.names {
		if err == nil {
			err = peers.targets[name].begin(ctx)
		}
	}
	if err != nil {
		peers.stop()
		return nil, err
	}
	return peers, nil
}

func measureLargeIngest(ctx context.Context, b *bench) ([]row, error) {
	const what = "ingest 2 MiB"
	if b.nginx == "" {
		return []row{leftOut(what, "nginx")}, nil
	}
	u := largeUpload
	u.programme = b.large
	results, err := b.ingest(ctx, u, "ingest-large", func(_, bytes float64) float64 { return bytes })
	if err != nil {
		return nil, err
	}
	rows := []row{
		against(what+", memory", results, "memory", "nginx", 4, gigabytes),
		against(what+", file", results, "file", "nginx", 2, gigabytes),
	}
	if results[onTmpfs] != nil {
		rows = append(rows, against(what+", memory", results, "memory", onTmpfs, 2, gigabytes))
	}
	return rows, nil
}

func measureSmallIngest(ctx context.Context, b *bench) ([]row, error) {
	const what = "ingest 64 KiB"
	if b.nginx == "" {
		return []row{leftOut(what, "nginx")}, nil
	}
	u := smallUpload
	u.programme = b.small
	results, err := b.ingest(ctx, u, "ingest-small", func(segments, _ float64) float64 { return segments })
	if err != nil {
		return nil, err
	}
	rows := []row{
		against(what+", memory", results, "memory", "nginx", 0, perSecond),
		against(what+", file", results, "file", "nginx", 0, perSecond),
	}
	if results[onTmpfs] != nil {
		rows = append(rows, against(what+", memory", results, "memory", onTmpfs, 1.2, perSecond))
	}
	return rows, nil
}

func (b *bench) ingest(ctx context.Context, u upload, name string, choose func(segments, bytes float64) float64) (map[string][]float64, error) {
	peers, err := b.ingestPeers(ctx, u)
	if err != nil {
		return nil, err
	}
	defer peers.stop()
	var candidates []candidate
	for _, n := range peers.names {
		run := func(ctx context.Context) (float64, error) {
			segments, bytes, err := peers.targets[n].turn(ctx)
			return choose(segments, bytes), err
		}
		if o := peers.origins[n]; o != nil {
			run = b.profiled(o, name+"-"+n, run)
		}
		candidates = append(candidates, candidate{n, run})
	}
	return b.takeTurns(ctx, candidates)
}
