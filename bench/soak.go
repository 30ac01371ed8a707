package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/handover"
)

// soakOptions are the flags of the soak.
type soakOptions struct {
	duration, reload, restart time.Duration
	channels, players, nodes  int
	seed                      uint64
	store                     string
	keep, older               string
}

// soak is a run of many channels with encoders that fail all the time, and with an origin, or several
// nodes of one, that is reloaded and restarted. See README.md.
type soak struct {
	options   soakOptions
	programme *programme
	site      *site
	diary     *diary
	channels  []*soakChannel
	audience  *audience
	usages    *usages
	begin     time.Time
	findings  []finding
	replayed  int // traces
}

// soakChannel is what encoders, reader and check of a channel share.
type soakChannel struct {
	name     string
	seed     uint64
	total    int // pieces
	dated    bool
	timeline timeline
	plan     plan
	ledger   *ledger
	site     *site
	reader   *reader
	onAir    atomic.Bool
}

// live is a path at the channel's endpoint.
func (c *soakChannel) live(name string) string { return "/live/" + c.name + "/" + name }

func (c *soakChannel) began() bool { return c.onAir.Load() }

// random is a source of its own for each purpose, so that each can be repeated.
func (c *soakChannel) random(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, purpose))
}

func runSoak(args []string) error {
	flags := flag.NewFlagSet("bench soak", flag.ExitOnError)
	var o soakOptions
	b := &bench{}
	flags.DurationVar(&o.duration, "duration", 30*time.Minute, "how long it runs")
	flags.IntVar(&o.channels, "channels", 100, "how many channels")
	flags.IntVar(&o.players, "players", 500, "how many players")
	flags.DurationVar(&o.reload, "reload", time.Minute, "how often the config is reloaded, 0 for never")
	flags.DurationVar(&o.restart, "restart", 10*time.Minute, "how often the process is restarted, 0 for never; it never is with -store memory")
	flags.Uint64Var(&o.seed, "seed", 0, "of all that is random; 0 for one of this moment")
	flags.StringVar(&o.store, "store", "file", "`engine`: memory, file or nats")
	flags.IntVar(&o.nodes, "nodes", 3, "how many nodes there are with -store nats")
	flags.StringVar(&o.keep, "keep", "", "`directory` where the origin's log and traces are kept; nowhere by default")
	flags.StringVar(&o.older, "older", "", "`binary` of an older version, from and to which several nodes are upgraded and downgraded; none by default")
	flags.StringVar(&b.caddy, "caddy", "", "`binary` to run; built from this tree by default")
	_ = flags.Parse(args)
	if o.duration < time.Minute || o.channels < 1 || o.players < 0 {
		return errors.New("-duration must be at least 1m, -channels at least 1, -players not negative")
	}
	switch o.store {
	case "memory":
		o.restart, o.nodes = 0, 1
	case "file":
		o.nodes = 1
	case "nats":
		if o.nodes < 2 {
			return errors.New("-nodes must be at least 2")
		}
		b.older = o.older
	default:
		return errors.New("-store must be memory, file or nats")
	}
	if o.older != "" && o.store != "nats" {
		return errors.New("-older is for several nodes: -store nats")
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1e9
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if b.dir, err = os.MkdirTemp("", "live-origin-soak-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	s := &soak{options: o, audience: &audience{expected: map[string]int{}}, usages: &usages{}}
	return s.run(ctx, b)
}

func (s *soak) run(ctx context.Context, b *bench) error {
	if find("ffmpeg", "sudo apt-get install ffmpeg", "there is nothing to send") == "" {
		return errors.New("ffmpeg is not installed")
	}
	fmt.Fprintf(os.Stderr, "== build and encode\n")
	if err := b.build(ctx); err != nil {
		return err
	}
	var err error
	if s.programme, err = encode(ctx, filepath.Join(b.dir, "media"), soakMaterial); err != nil {
		return err
	}
	log, err := s.log()
	if err != nil {
		return err
	}
	defer log.Close()
	s.diary = makeDiary(log)
	if s.site, err = b.startSite(ctx, s.options.nodes, s.block, s.diary); err != nil {
		return err
	}
	defer func() { s.site.stop() }()
	restore, handedOver := handover.KeepQueued()
	defer restore()
	for _, n := range s.site.nodes {
		n.resets = !handedOver
	}
	fmt.Fprintf(os.Stderr, "== soak for %s, seed %d\n", s.options.duration, s.options.seed)
	s.cast()
	if err := s.perform(ctx); err != nil {
		s.findings = append(s.findings, finding{kind: foundOrigin, at: time.Now(), piece: -1, text: err.Error()})
	}
	// Another version may have had other reasons.
	if s.options.keep != "" && s.options.older == "" && ctx.Err() == nil {
		s.site.stop()
		s.replay(ctx, b.caddy)
	}
	if !s.report(os.Stdout) {
		return fmt.Errorf("the soak failed; repeat it with -seed %d", s.options.seed)
	}
	return nil
}

// log is where the origin's log goes.
func (s *soak) log() (io.WriteCloser, error) {
	if s.options.keep == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err := os.MkdirAll(s.options.keep, 0o755); err != nil {
		return nil, err
	}
	return os.Create(filepath.Join(s.options.keep, "origin.log"))
}

// block is the config of a node, urls are those of the NATS servers: every third channel joins two
// segments into one.
func (s *soak) block(o *origin, urls []string) string {
	text := "store memory {\ncapacity 4GiB\n}\n"
	switch s.options.store {
	case "file":
		text = "store file " + o.store() + " {\nmax_size 8GiB\n}\n"
	case "nats":
		text = fmt.Sprintf("store nats %s {\nnode %s\npeer_address http://%s\nlocal file %s\nmax_size 8GiB\n}\n",
			strings.Join(urls, " "), o.name, o.peer, o.store())
	}
	for i := range s.options.channels {
		name, seconds := channelName(i), 2
		if i%3 == 2 {
			seconds = 4
		}
		trace := ""
		if s.options.keep != "" {
			trace = "trace " + s.trace(name, o.name)
		}
		text += channelBlock(name, seconds, int(s.window().Seconds()), trace, endpointOption(i))
	}
	return text
}

func (s *soak) keepPath() string {
	path, err := filepath.Abs(s.options.keep)
	if err != nil {
		return s.options.keep
	}
	return path
}

func channelName(i int) string { return fmt.Sprintf("c%d", i) }

// endpointOption is what the endpoints of three channels in eight have beside the defaults.
func endpointOption(i int) string {
	switch i % 8 {
	case 1:
		return "failover_policy hitless"
	case 3:
		return "failover_policy prefer b after 10s"
	}
	if delay := delayOf(i); delay > 0 {
		return fmt.Sprintf("time_delay %s", delay)
	}
	return ""
}

// delayOf is the time delay of a channel's endpoint.
func delayOf(i int) time.Duration {
	if i%8 == 5 {
		return 3 * time.Second
	}
	return 0
}

func channelBlock(name string, seconds, window int, channelOption, endpointOption string) string {
	return fmt.Sprintf(`
		channel %[1]s {
			input a /in/%[1]s/a
			input b /in/%[1]s/b
			%[4]s
			endpoint hls /live/%[1]s {
				segment_duration %[2]ds
				playlist_window %[3]ds
				%[5]s
			}
		}`, name, seconds, window, channelOption, endpointOption)
}

// ending is how long the origin has for the last slots.
const ending = 8 * time.Second

// window is how much the playlists list: as long as the readers may be kept from looking,
// but in a short run it has to be full soon.
func (s *soak) window() time.Duration {
	if s.options.duration < 5*time.Minute {
		return 12 * time.Second
	}
	return 30 * time.Second
}

func (o *origin) store() string { return filepath.Join(o.dir, "store") }

// cast makes the channels.
func (s *soak) cast() {
	s.begin = time.Now()
	total := int((s.options.duration - ending) / s.programme.length)
	for i := range s.options.channels {
		c := &soakChannel{name: channelName(i), seed: s.options.seed + uint64(i)<<32, total: total, site: s.site, dated: i%2 == 0}
		random := c.random(1)
		c.plan = makePlan(c.random(2), total)
		// Not all at the same moment, and one encoder always a little after the other.
		begin := s.begin.Add(time.Duration(random.Int64N(int64(s.programme.length))))
		c.ledger = makeLedger(begin, s.programme.length, total)
		c.ledger.delay = delayOf(i)
		c.ledger.phase = [2]time.Duration{
			time.Duration(random.IntN(100)) * time.Millisecond,
			time.Duration(100+random.IntN(700)) * time.Millisecond,
		}
		// Timestamps under 10 s would look as if they were counted from the encoder's start.
		// Half of them start over during the run.
		c.timeline = timeline{s.programme, clockRate * (60 + random.Int64N(80000))}
		if random.IntN(2) == 0 {
			c.timeline.base = 1<<33 - random.Int64N(int64(s.options.duration.Seconds()*clockRate))
		}
		c.reader = makeReader(c)
		s.channels = append(s.channels, c)
	}
}

// perform lets everybody do what they do, until the end.
func (s *soak) perform(ctx context.Context) error {
	ctx, end := context.WithTimeout(ctx, s.options.duration)
	defer end()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for _, c := range s.channels {
		for input := range inputNames {
			wait.Go(func() { makeTroubled(c, input).play(ctx) })
		}
		wait.Go(func() { c.reader.watch(ctx) })
	}
	for i := range s.options.players {
		random := rand.New(rand.NewPCG(s.options.seed, uint64(i)))
		p := &player{
			client:   client{addr: s.site.nodes[0].addr, patience: readerPatience},
			audience: s.audience, site: s.site, channels: s.channels, random: random,
		}
		if random.Float64() < slowShare {
			p.pause = slowPause
		}
		wait.Go(func() { p.play(ctx) })
	}
	pause := min(samplePause, s.options.duration/40)
	wait.Go(func() { s.usages.sample(ctx, s.site, pause, s.window()) })
	wait.Go(func() { s.progress(ctx) })
	// The last restart is long enough before the end.
	tending, stop := context.WithTimeout(ctx, s.options.duration-2*ending)
	defer stop()
	wait.Go(func() {
		if err := s.site.tend(tending, s.options.reload, s.options.restart); err != nil {
			cancel(err)
		}
	})
	wait.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// progress says now and then that it goes on.
func (s *soak) progress(ctx context.Context) {
	for rest(ctx, time.Minute) == nil {
		s.audience.mu.Lock()
		fmt.Fprintf(os.Stderr, "   %s: %d segments played, %d wrong answers\n",
			time.Since(s.begin).Round(time.Second), s.audience.segments, len(s.audience.findings)+s.audience.wrong)
		s.audience.mu.Unlock()
	}
}

func (s *soak) channel(name string) *soakChannel {
	for _, c := range s.channels {
		if c.name == name {
			return c
		}
	}
	return nil
}
