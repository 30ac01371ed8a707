// Command bench measures the origin against public peers: Caddy's own handlers and nginx.
// All candidates of a comparison take turns on one machine, and only ratios within one such
// run mean anything. See README.md.
//
//	go run ./bench [-run regexp] [-time 2s] [-rounds 9]
//	go run ./bench soak [-duration 30m] [-channels 100] [-players 500] [-store file]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// bench is what all measurements share.
type bench struct {
	dir     string // everything that is written goes below it
	caddy   string // the binary
	older   string // another one, of an older version, which several nodes run in turn; empty for none
	nginx   string // empty if it is not installed
	wrk     string // the same
	h2load  string // the same
	time    time.Duration
	rounds  int
	profile string // directory for CPU profiles of the origin, or empty
	large   *programme
	small   *programme
	slow    *programme
}

// measurement makes one or more rows of the table.
type measurement struct {
	name string
	run  func(context.Context, *bench) ([]row, error)
}

var measurements = []measurement{
	{"playlist", playlists(overHTTP1)},
	{"playlist-http2", playlists(overHTTP2)},
	{"playlist-http3", playlists(overHTTP3)},
	{"segment", segments(overHTTP1)},
	{"segment-http2", segments(overHTTP2)},
	{"segment-http3", segments(overHTTP3)},
	{"ingest-large", measureLargeIngest},
	{"ingest-small", measureSmallIngest},
	{"latency", measureLatency},
	{"memory", measureMemory},
	{"failover", measureFailover},
	{"scale-100", measureScale(100, 0)},
	{"scale-500", measureScale(500, 0.5)},
	{"scale-1000", measureScale(1000, 0)},
	{"idle", measureIdle},
	{"startover", measureStartover},
	{"inside", measureInside},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 && os.Args[1] == "soak" {
		return runSoak(os.Args[2:])
	}
	names := flag.String("run", "", "regular `expression`: which measurements to run; all by default")
	b := &bench{}
	flag.DurationVar(&b.time, "time", 2*time.Second, "how long one measurement lasts")
	flag.IntVar(&b.rounds, "rounds", 9, "how many times the candidates take turns")
	flag.StringVar(&b.caddy, "caddy", "", "`binary` to measure, of another commit, say; built from this tree by default")
	flag.StringVar(&b.profile, "profile", "", "`directory` to write CPU profiles of the origin to; none by default")
	flag.Parse()
	wanted, err := regexp.Compile(*names)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if b.time < time.Second || b.rounds < 1 {
		return errors.New("-time must be at least 1s and -rounds at least 1")
	}

	// An interrupt ends the context, and with it all processes.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if b.dir, err = os.MkdirTemp("", "live-origin-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.prepare(ctx); err != nil {
		return err
	}

	var table []row
	var failed error
	for _, m := range measurements {
		if !wanted.MatchString(m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "== %s\n", m.name)
		rows, err := m.run(ctx, b)
		table = append(table, rows...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			// The other rows are worth having.
			failed = errors.Join(failed, fmt.Errorf("%s: %w", m.name, err))
			fmt.Fprintf(os.Stderr, "FAILED: %s: %v\n", m.name, err)
		}
	}
	printTable(os.Stdout, table)
	return failed
}

// prepare builds what is measured and the media that it is measured with.
func (b *bench) prepare(ctx context.Context) error {
	b.nginx = find("nginx", "sudo apt-get install nginx", "rows against nginx are left out")
	b.wrk = find("wrk", "sudo apt-get install wrk", "the measurements of GETs are left out")
	b.h2load = find("h2load", "sudo apt-get install nghttp2-client", "the measurements of HTTP/2 are left out")
	if find("ffmpeg", "sudo apt-get install ffmpeg", "nothing can be measured without media") == "" {
		return errors.New("ffmpeg is not installed")
	}
	fmt.Fprintln(os.Stderr, "== build and encode")
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := certify(b.dir); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		material
		to **programme
	}{{"large", largeMaterial, &b.large}, {"small", smallMaterial, &b.small}, {"slow", slowMaterial, &b.slow}} {
		p, err := encode(ctx, filepath.Join(b.dir, m.name), m.material)
		if err != nil {
			return err
		}
		*m.to = p
	}
	return nil
}

// build makes the binary from this tree, unless there is one to be measured.
func (b *bench) build(ctx context.Context) error {
	if b.caddy != "" {
		return nil
	}
	b.caddy = filepath.Join(b.dir, "caddy")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.caddy, "github.com/liveorigin/caddy-live-origin/cmd/caddy")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build caddy: %w\n%s", err, out)
	}
	return nil
}

// find looks for a program and warns loudly if it is missing.
func find(name, install, consequence string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "!!! %s IS NOT INSTALLED: %s. Install it with: %s\n", name, consequence, install)
		return ""
	}
	return path
}
