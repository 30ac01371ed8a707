package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server that was started for a measurement.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu   sync.Mutex
	last []string // the end of what it printed
	line func(string)
}

// start runs a server until stop or the end of the context. line, which may be
// nil, gets every line of its standard error.
func start(ctx context.Context, line func(string), env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), exited: make(chan struct{}), line: line}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	output, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.read(output)
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		if p.last = append(p.last, lines.Text()); len(p.last) > 20 {
			p.last = p.last[1:]
		}
		p.mu.Unlock()
		if p.line != nil {
			p.line(lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// kill ends the process as a loss of power would, but for what the kernel holds.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// listening waits until the process accepts connections. Caddy's apps start in any order, so
// that may be only after long journals have been read.
func (p *process) listening(addr string) error {
	for range 2400 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended:\n%s", p.cmd.Path, p.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen on %s:\n%s", p.cmd.Path, addr, p.tail())
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.last, "\n")
}

// resident is how much memory the process has, in bytes.
func (p *process) resident() (float64, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("ps: %w", err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return kib * 1024, err
}

// cpu is how much CPU time the process has used, in seconds.
func (p *process) cpu() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// After the name in parentheses, which may contain anything: the 12th and 13th field
	// are user and system time, in ticks of 10 ms on every Linux.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("%d fields in the process's statistics", len(fields))
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100, err
}
