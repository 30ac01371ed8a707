package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// upload is a load of segments from 32 encoders: 16 channels with two inputs
// each, a connection per encoder. Every encoder sends real segments in order,
// with timestamps that go on, and its playlist now and then, so that each segment
// is probed, stored, matched with that of the other input and published.
type upload struct {
	programme *programme
	// perTurn is how many segments each encoder sends in one turn: enough to
	// measure, and few enough to be held, since the origin keeps a published
	// segment for some seconds.
	perTurn int
	// playlistEvery is after how many segments the playlist is sent.
	playlistEvery int
}

const ingestChannels = connections / 2

var (
	// largeUpload sends about 1 GiB per turn.
	largeUpload = upload{perTurn: 16, playlistEvery: 1}
	// smallUpload sends about 500 MiB per turn. Its playlists are rarer, as the
	// objects are what is counted.
	smallUpload = upload{perTurn: 256, playlistEvery: 4}
)

// target takes uploads.
type target struct {
	encoders []*encoder
	// rest is how long to wait between turns, for old segments to expire.
	rest  time.Duration
	ended time.Time
	// after checks or clears what the turn has left.
	after func() error
	// offsets are the differences between media sequence numbers and the
	// encoder's own, by channel.
	offsets map[int]int
}

func newTarget(addr string, p *programme) *target {
	t := &target{offsets: map[int]int{}}
	for i := range ingestChannels {
		for _, input := range []string{"a", "b"} {
			t.encoders = append(t.encoders, newEncoder(addr, fmt.Sprintf("/in/c%d/%s", i, input), p))
		}
	}
	return t
}

func (t *target) close() {
	for _, e := range t.encoders {
		e.close()
	}
}

// turn sends the load and returns segments and their bytes per second.
// Playlists are sent, but not counted.
func (t *target) turn(ctx context.Context, u upload) (segments, bytes float64, err error) {
	select {
	case <-time.After(time.Until(t.ended.Add(t.rest))):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	begin := time.Now()
	for _, e := range t.encoders {
		wait.Go(func() {
			sent, failed := u.send(ctx, e)
			mu.Lock()
			defer mu.Unlock()
			bytes += float64(sent)
			if failed != nil {
				err = failed
			}
		})
	}
	wait.Wait()
	t.ended = time.Now()
	if err == nil {
		err = t.after()
	}
	seconds := t.ended.Sub(begin).Seconds()
	return float64(u.perTurn*len(t.encoders)) / seconds, bytes / seconds, err
}

func (u upload) send(ctx context.Context, e *encoder) (sent int, err error) {
	for i := range u.perTurn {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n, err := e.deliver()
		if err != nil {
			return sent, err
		}
		sent += n
		if (i+1)%u.playlistEvery == 0 {
			if err := e.announce(e.next - 1); err != nil {
				return sent, err
			}
		}
	}
	return sent, nil
}

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
func (b *bench) ingestPeers(ctx context.Context, u upload, segmentSeconds int) (*ingestPeers, error) {
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
		t := newTarget(n.addr, u.programme)
		// Ours deletes what has expired; nginx is spared that.
		t.after = n.clear
		add(name, t)
		return nil
	}
	origin := func(name, store string) error {
		o, err := b.startOrigin(ctx, store+pairs(ingestChannels, 1, 3), nil)
		if err != nil {
			return err
		}
		stops = append(stops, o.stop)
		t := newTarget(o.addr, u.programme)
		// Window and two target durations: then a published segment may go.
		t.rest = time.Duration(3+2*segmentSeconds+1) * time.Second
		t.after = func() error { return t.allPublished(o) }
		peers.origins[name] = o
		add(name, t)
		return nil
	}
	err := origin("memory", "store memory {\n\t\t\tcapacity 6GiB\n\t\t}\n")
	if err == nil {
		err = nginx("nginx", b.dir)
	}
	if err == nil {
		err = origin("file", "store file "+b.dir+"/store {\n\t\t\tmax_size 6GiB\n\t\t}\n")
	}
	if err == nil {
		if dir, failed := os.MkdirTemp(sharedMemory, "live-origin-bench-"); failed == nil {
			stops = append(stops, func() { os.RemoveAll(dir) })
			err = nginx(onTmpfs, dir)
		}
	}
	if err != nil {
		peers.stop()
		return nil, err
	}
	return peers, nil
}

// allPublished sees to it that the origin does all of its work: in every channel
// as many slots were published as segments came since the turn before. The slots
// of the first turn can't be counted, as those at its head have left the playlist.
func (t *target) allPublished(o *origin) error {
	for i := range ingestChannels {
		v := newViewer(o.addr, fmt.Sprintf("c%d", i))
		edge, err := v.edge()
		v.close()
		if err != nil {
			return err
		}
		sent := t.encoders[2*i].next
		if before, ok := t.offsets[i]; ok && edge-sent != before {
			return fmt.Errorf("channel c%d: %d slots more or less than segments", i, edge-sent-before)
		}
		t.offsets[i] = edge - sent
	}
	return nil
}

func measureLargeIngest(ctx context.Context, b *bench) ([]row, error) {
	const what = "ingest 2 MiB"
	if b.nginx == "" {
		return []row{leftOut(what, "nginx")}, nil
	}
	u := largeUpload
	u.programme = b.large
	results, err := b.ingest(ctx, u, 2, "ingest-large", func(_, bytes float64) float64 { return bytes })
	if err != nil {
		return nil, err
	}
	rows := []row{
		against(what+", memory", results, "memory", "nginx", 2, gigabytes),
		against(what+", file", results, "file", "nginx", 1, gigabytes),
	}
	if results[onTmpfs] != nil {
		rows = append(rows, against(what+", memory", results, "memory", onTmpfs, 0, gigabytes))
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
	results, err := b.ingest(ctx, u, 1, "ingest-small", func(segments, _ float64) float64 { return segments })
	if err != nil {
		return nil, err
	}
	rows := []row{
		against(what+", memory", results, "memory", "nginx", 1.5, perSecond),
		against(what+", file", results, "file", "nginx", 0, perSecond),
	}
	if results[onTmpfs] != nil {
		rows = append(rows, against(what+", memory", results, "memory", onTmpfs, 0, perSecond))
	}
	return rows, nil
}

func (b *bench) ingest(ctx context.Context, u upload, segmentSeconds int, name string, choose func(segments, bytes float64) float64) (map[string][]float64, error) {
	peers, err := b.ingestPeers(ctx, u, segmentSeconds)
	if err != nil {
		return nil, err
	}
	defer peers.stop()
	var candidates []candidate
	for _, n := range peers.names {
		run := func(ctx context.Context) (float64, error) {
			segments, bytes, err := peers.targets[n].turn(ctx, u)
			return choose(segments, bytes), err
		}
		if o := peers.origins[n]; o != nil {
			run = b.profiled(o, name+"-"+n, run)
		}
		candidates = append(candidates, candidate{n, run})
	}
	return b.takeTurns(ctx, candidates)
}
