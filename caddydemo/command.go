package caddydemo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/liveorigin/caddy-live-origin/internal/demo"
	"github.com/liveorigin/caddy-live-origin/internal/ports"
)

const (
	channelName = "demo"
	storeSize   = 256 << 20 // bytes; a window of both encoders takes some 10 MiB
	// gracePeriod is how long the end of the demo waits for viewers.
	gracePeriod = time.Second
	// secondLateness is how much later encoder b sends than encoder a, as no two encoders
	// are equally far away.
	secondLateness = 150 * time.Millisecond
)

func command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Runs an origin with two built-in encoders that you can break",
		Long: `
Runs an origin with one channel and two built-in encoders that push a locked pair to
it. It needs neither a config nor any other program. On its status page are buttons
that kill an encoder, stop it for a while, let it lose or damage a segment, or let its
media be bad: a hole, no sound, a frozen picture. Beside them is a player that shows
what viewers see of that.

All is in memory, and gone with the command.

With --nodes, it runs several origins, each a process of its own, that are one: together
with three NATS servers, which it builds with the go command unless it is given another
one. The player then moves to another node at every request, and there are buttons that
kill and start nodes and servers.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringP("listen", "l", "localhost:8080", "The address to which to bind the listener")
	cmd.Flags().Int("nodes", 0, fmt.Sprintf("Run several nodes that are one origin, %d to %d", minNodes, maxNodes))
	cmd.Flags().String("nats-server", "", "With --nodes: the program of the NATS servers. Default: built from the pinned source")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		// A second signal ends the process at once.
		context.AfterFunc(ctx, stop)
		var err error
		switch nodes, natsServer := fl.Int("nodes"), fl.String("nats-server"); {
		case cmd.Flags().Changed("nodes"):
			err = runSeveral(ctx, cmd.OutOrStdout(), fl.String("listen"), nodes, natsServer)
		case natsServer != "":
			err = errors.New("--nats-server is of no use without --nodes")
		default:
			err = run(ctx, cmd.OutOrStdout(), fl.String("listen"))
		}
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

var encoderNames = []string{"a", "b"}

// site is where the demo runs.
type site struct {
	listen string // as Caddy takes it
	base   string // URL
	admin  string
	token  string // of the encoders
}

// run runs the demo until ctx is done.
func run(ctx context.Context, out io.Writer, listen string) error {
	s, err := newSite(listen)
	if err != nil {
		return err
	}
	encoders, err := s.encoders()
	if err != nil {
		return err
	}
	config, err := json.Marshal(s.config())
	if err != nil {
		return fmt.Errorf("encode config: %w", err)
	}
	running.Store(&show{encoders: encoders})
	defer running.Store(nil)
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.announce(out)
	s.encode(ctx, out, encoders)
	fmt.Fprintln(out, "Stopping.")
	if err := caddy.Stop(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// encode runs the encoders until ctx is done.
func (s site) encode(ctx context.Context, out io.Writer, encoders []*demo.Encoder) {
	var working sync.WaitGroup
	for _, e := range encoders {
		working.Go(func() { e.Run(ctx) })
	}
	working.Go(func() {
		if s.waitOnAir(ctx) {
			fmt.Fprintln(out, "On air.")
		}
	})
	working.Wait()
}

// newSite finds out where the demo can listen. Caddy shares ports with other processes
// without a word, so they are tried first.
func newSite(listen string) (site, error) {
	address, err := freeAddress(listen)
	if err != nil {
		return site{}, fmt.Errorf("%w; choose another address with --listen", err)
	}
	// Not the default port, which belongs to the Caddy that may be running here.
	admin, err := freeAddress("localhost:0")
	if err != nil {
		return site{}, fmt.Errorf("admin API: %w", err)
	}
	return site{listen: address, base: "http://" + address, admin: admin, token: rand.Text()}, nil
}

// freeAddress returns the address if it is free, with its port.
func freeAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if host == "" {
		host = "localhost"
	}
	if port == "0" {
		return ports.FreeAddress(host)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, port), ln.Close()
}

func (s site) inputPath(name string) string { return "/in/" + channelName + "/" + name }

// encoders returns two encoders that are not running yet. Each has its transport, or one of
// its own.
func (s site) encoders(transports ...http.RoundTripper) ([]*demo.Encoder, error) {
	var list []*demo.Encoder
	for i, name := range encoderNames {
		o := demo.Options{Name: name, Target: s.base + s.inputPath(name), Token: s.token, Lateness: time.Duration(i) * secondLateness}
		if i < len(transports) {
			o.Transport = transports[i]
		}
		e, err := demo.NewEncoder(o)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func (s site) announce(out io.Writer) {
	fmt.Fprintf(out, `
  Status page, with buttons to break something and a player beside them:
      %[1]s/status/

  The stream, with segments of 2 s (it switches early) and of 6 s (it stays calm):
      %[1]s%[2]s/index.m3u8
      %[1]s%[3]s/index.m3u8

  On the command line, in another terminal:
      caddy live-origin status --watch --address %[4]s

  Stop it with Ctrl+C.

The encoders begin with the next full segment; the first picture comes in some seconds.
`, s.base, fastPath, calmPath, s.admin)
}

const (
	fastPath = "/fast/" + channelName
	calmPath = "/live/" + channelName
)

// waitOnAir waits until there is something to see.
func (s site) waitOnAir(ctx context.Context) bool {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodHead, s.base+fastPath+"/index.m3u8", nil)
		if err != nil {
			return false
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(200 * time.Millisecond):
		}
	}
}
