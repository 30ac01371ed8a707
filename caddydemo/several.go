package caddydemo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/demo/children"
	"github.com/liveorigin/caddy-live-origin/internal/demo/front"
	"github.com/liveorigin/caddy-live-origin/internal/nodes/natsserver"
)

const (
	minNodes, maxNodes = 2, 5
	// servers is how many NATS servers there are: one of them may die.
	servers = 3
	// startPatience is how long servers and nodes may take to start, on a busy machine.
	startPatience = 30 * time.Second
)

// several is the demo with several nodes.
type several struct {
	site         // the front
	dir   string // configs, logs and what servers store
	group *children.Group
	lines *children.Lines
	nats  *natsserver.Cluster
	nodes []site
	front *front.Front
	links []*front.Uplink // of the encoders
	show  show
}

// runSeveral runs the demo with several nodes until ctx is done.
func runSeveral(ctx context.Context, out io.Writer, listen string, nodes int, natsServer string) error {
	if nodes < minNodes || nodes > maxNodes {
		return fmt.Errorf("--nodes must be %d to %d, but is %d", minNodes, maxNodes, nodes)
	}
	program, err := natsProgram(ctx, out, natsServer)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "live-origin-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	group, err := children.NewGroup()
	if err != nil {
		return fmt.Errorf("several nodes: %w", err)
	}
	defer group.Close()
	s := &several{dir: dir, group: group, lines: children.NewLines(out)}
	if s.site, err = newSite(listen); err != nil {
		return err
	}
	if err := s.prepare(program, nodes); err != nil {
		return err
	}
	running.Store(&s.show)
	defer running.Store(nil)
	err = s.start(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	return s.serve(ctx, out)
}

// natsProgram is the path of nats-server.
func natsProgram(ctx context.Context, out io.Writer, given string) (string, error) {
	if given != "" {
		return exec.LookPath(given)
	}
	path, err := natsserver.Build(ctx, func() {
		fmt.Fprintf(out, "Building nats-server %s. That takes a minute or two, and is done once.\n", natsserver.Version)
	})
	if err != nil {
		return "", fmt.Errorf("nats-server can't be built; give another one with --nats-server: %w", err)
	}
	return path, nil
}

// prepare makes all parts, of which none runs yet.
func (s *several) prepare(program string, nodes int) (err error) {
	s.nats, err = natsserver.New(program, s.dir, slices.Repeat([]natsserver.Place{{Host: "127.0.0.1"}}, servers)...)
	if err != nil {
		return err
	}
	var places []front.Node
	for i := range nodes {
		if err := s.addNode(i); err != nil {
			return err
		}
		places = append(places, front.Node{Name: nodeName(i), Base: s.nodes[i].base})
	}
	for i := range servers {
		s.addPart("server", i, "", func() *exec.Cmd { return s.nats.Command(i) })
	}
	if s.front, err = front.New(places); err != nil {
		return err
	}
	var transports []http.RoundTripper
	for i := range encoderNames {
		link := s.front.Uplink(i)
		s.links = append(s.links, link)
		transports = append(transports, link)
	}
	s.show.encoders, err = s.encoders(transports...)
	return err
}

func nodeName(i int) string { return fmt.Sprint("origin-", i+1) }

// addNode writes the config of a node, which runs it as anybody would.
func (s *several) addNode(i int) error {
	node, err := newSite("localhost:0")
	if err != nil {
		return err
	}
	node.token = s.token
	s.nodes = append(s.nodes, node)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config, err := json.Marshal(node.nodeConfig(nodeName(i), s.nats.URLs(), s.listen))
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, nodeName(i)+".json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	home := filepath.Join(s.dir, nodeName(i))
	p := s.addPart("node", i, nodeName(i), func() *exec.Cmd {
		cmd := exec.Command(self, "run", "--config", path)
		cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return cmd
	})
	p.about = func() string { return s.doing(i) }
	return nil
}

// addPart adds what can be killed. Its output is shown under its name.
func (s *several) addPart(kind string, i int, name string, command func() *exec.Cmd) *part {
	title := fmt.Sprintf("%s %d", kind, i+1)
	if name == "" {
		name = fmt.Sprintf("%s-%d", kind, i+1)
	}
	p := &part{name: fmt.Sprintf("%s-%d", kind, i+1), title: strings.ToUpper(title[:1]) + title[1:]}
	p.Child = s.group.Child(title, s.lines.Of(name, chatter), command)
	s.show.parts = append(s.show.parts, p)
	return p
}

// chatter is what Caddy prints before it knows how its log is to look.
func chatter(line []byte) bool { return strings.HasPrefix(string(line), `{"level":"info"`) }

// doing says what a node does.
func (s *several) doing(i int) string {
	var takes []string
	for e, link := range s.links {
		if link.Node() == i && s.show.encoders[e].State().State != "killed" {
			takes = append(takes, encoderNames[e])
		}
	}
	about := fmt.Sprintf("%d answers to viewers", s.front.Answers(i))
	switch len(takes) {
	case 0:
		return about
	case 1:
		return about + ", takes encoder " + takes[0]
	}
	return about + ", takes encoders " + strings.Join(takes, " and ")
}

// start starts the servers, and then the nodes.
func (s *several) start(ctx context.Context) error {
	nodes, servers := s.show.parts[:len(s.nodes)], s.show.parts[len(s.nodes):]
	if err := startAll(ctx, servers, s.nats.Healthy); err != nil {
		return err
	}
	return startAll(ctx, nodes, func(i int) bool {
		client := http.Client{Timeout: time.Second}
		answer, err := client.Get(s.nodes[i].base + healthPath)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// startAll starts some parts and waits until all are well.
func startAll(ctx context.Context, parts []*part, well func(int) bool) error {
	for _, p := range parts {
		if err := p.Start(); err != nil {
			return err
		}
	}
	end := time.Now().Add(startPatience)
	for i, p := range parts {
		for !well(i) {
			if p.State() != children.Running || time.Now().After(end) {
				return fmt.Errorf("%s does not start (it is %s)", p.title, p.State())
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// serve runs the front and the encoders until ctx is done.
func (s *several) serve(ctx context.Context, out io.Writer) error {
	ln, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: startPatience}
	defer server.Close()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	s.announce(out)
	encoding, end := context.WithCancel(ctx)
	defer end()
	done := make(chan struct{})
	go func() {
		s.encode(encoding, out, s.show.encoders)
		close(done)
	}()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	end()
	<-done
	fmt.Fprintln(out, "Stopping.")
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("front: %w", err)
	}
	return nil
}

// handler is all that the front serves.
func (s *several) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", http.RedirectHandler("/status/", http.StatusFound))
	mux.Handle("/status/", s.front.Page())
	mux.HandleFunc(controlsPath, func(w http.ResponseWriter, r *http.Request) {
		// What it leaves to the next handler is not there.
		_ = Controls{}.ServeHTTP(w, r, notThere)
	})
	mux.Handle("/", s.front)
	return mux
}

var notThere = nextHandler(http.NotFound)

type nextHandler http.HandlerFunc

func (h nextHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	h(w, r)
	return nil
}

func (s *several) announce(out io.Writer) {
	fmt.Fprintf(out, `
  Status page, with buttons to kill encoders, nodes and NATS servers. The player beside
  them moves to another node at every request:
      %[1]s/status/

  The stream by the same way, with segments of 2 s (it switches early) and of 6 s (it
  stays calm):
      %[1]s%[2]s/index.m3u8
      %[1]s%[3]s/index.m3u8

  The nodes, each with its own page:
`, s.base, fastPath, calmPath)
	for i, node := range s.nodes {
		fmt.Fprintf(out, "      %s  %s/status/\n", nodeName(i), node.base)
	}
	fmt.Fprintf(out, `
  Try: kill the node that decides, or the one that takes encoder a, and look at the
  picture. Start it again. Kill a server; with two of them dead, nodes go on and write
  later what they decided; with all of them dead, each node goes on alone.

  On the command line, in another terminal:
      caddy live-origin status --watch --address %s

  Stop it with Ctrl+C.

The encoders begin with the next full segment; the first picture comes in some seconds.
`, s.nodes[0].admin)
}
