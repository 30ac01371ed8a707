package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Attackers are a process of their own, with the lowest priority: on a small machine they
// would otherwise take the processor from those whom they attack, which no origin can
// prevent and which a network between them does.

// attack is one kind of them. run is done by so many at a time; it returns when ctx ends.
type attack struct {
	name string
	many int
	run  func(ctx context.Context, f *force, i int)
	// meanwhile looks at the origin while it goes on; nil if there is nothing to see but how
	// long the others wait.
	meanwhile func(t *testing.T, o *origin)
}

// force is a process that attacks an origin.
type force struct {
	base  string   // URL of the origin
	media [][]byte // segments that are sound
	// done is how often something was done, harm how often it did what it must not.
	done, harm atomic.Int64

	cmd   *exec.Cmd
	stdin io.Closer
	said  strings.Builder
}

const (
	attackVar = "LIVE_ORIGIN_ATTACK"
	targetVar = "LIVE_ORIGIN_ATTACKED"
	mediaVar  = "LIVE_ORIGIN_ATTACK_MEDIA"
)

// sendForce starts an attack, by those who have the media in a directory.
func sendForce(t *testing.T, o *origin, name, media string) *force {
	t.Helper()
	f := &force{}
	if nice, err := exec.LookPath("nice"); err == nil {
		f.cmd = exec.Command(nice, "-n", "19", os.Args[0])
	} else {
		f.cmd = exec.Command(os.Args[0])
	}
	f.cmd.Env = append(os.Environ(), attackVar+"="+name, targetVar+"="+o.url(""), mediaVar+"="+media)
	f.cmd.Stdout, f.cmd.Stderr = &f.said, os.Stderr
	var err error
	if f.stdin, err = f.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.cmd.Process.Kill() })
	return f
}

// recall ends the attack, and returns how often it was done, and how often it did harm.
func (f *force) recall() (done, harm int) {
	f.stdin.Close()
	_ = f.cmd.Wait()
	_, _ = fmt.Sscan(f.said.String(), &done, &harm)
	return done, harm
}

// fight is what the process does, until its input ends. It returns its exit code.
func fight(name string) int {
	f := &force{base: os.Getenv(targetVar)}
	files, _ := filepath.Glob(filepath.Join(os.Getenv(mediaVar), "*.ts"))
	slices.Sort(files)
	for _, file := range files {
		media, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		f.media = append(f.media, media)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, a := range append(attacks(), slowUploads) {
		for i := range a.many {
			if a.name == name {
				all.Go(func() { a.run(ctx, f, i) })
			}
		}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	all.Wait()
	fmt.Println(f.done.Load(), f.harm.Load())
	return 0
}

// again does something until the attack is over.
func again(ctx context.Context, do func(n int)) {
	for n := 0; ctx.Err() == nil; n++ {
		do(n)
	}
}

// send sends a request, and reads what is answered.
func (f *force) send(ctx context.Context, method, path string, body io.Reader, edit ...func(*http.Request)) int {
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, body)
	if err != nil {
		return 0
	}
	for _, e := range edit {
		e(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			f.done.Add(1)
		}
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	f.done.Add(1)
	return resp.StatusCode
}

// dial connects from one of so many addresses, where the system has them: Linux has all of
// 127.0.0.0/8. The system holds little of what has not been read.
func (f *force) dial(ctx context.Context, i, addresses int) (net.Conn, error) {
	var d net.Dialer
	if runtime.GOOS == "linux" {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%addresses))}
	}
	conn, err := d.DialContext(ctx, "tcp", f.host())
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetReadBuffer(8 << 10)
}

func (f *force) host() string { return strings.TrimPrefix(f.base, "http://") }

func (f *force) put(ctx context.Context, path, text string) int {
	return f.send(ctx, http.MethodPut, path, strings.NewReader(text))
}
