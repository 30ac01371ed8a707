// Package children runs processes that can be killed and started again, and that never outlive
// this one.
package children

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// ErrState is for what is not possible now.
var ErrState = errors.New("not possible now")

// Child is a process that can be killed and started again. Its methods are safe for concurrent
// use.
type Child struct {
	name    string
	group   *Group
	out     io.Writer
	command func() *exec.Cmd

	mu      sync.Mutex
	process *exec.Cmd     // nil while it does not run
	done    chan struct{} // closed when that process has ended
	state   string
}

// What State says.
const (
	Running = "running"
	Killed  = "killed"
	Ended   = "ended" // by itself
)

// Child returns a process that is not running yet. What it prints goes to out.
func (g *Group) Child(name string, out io.Writer, command func() *exec.Cmd) *Child {
	c := &Child{name: name, group: g, out: out, command: command, state: Killed}
	g.children = append(g.children, c)
	return c
}

// Close ends all children at once, and returns when they are gone. None can be started any
// more.
func (g *Group) Close() {
	g.end()
	for _, c := range g.children {
		c.mu.Lock()
		process, done := c.process, c.done
		c.mu.Unlock()
		if process != nil {
			<-done
		}
	}
}

// State is Running, Killed or Ended.
func (c *Child) State() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Start starts it.
func (c *Child) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return fmt.Errorf("%w: %s is running", ErrState, c.name)
	}
	cmd := c.command()
	cmd.Stdout, cmd.Stderr = c.out, c.out
	// What it may have started itself is not waited for.
	cmd.WaitDelay = time.Second
	c.group.adopt(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.process, c.done, c.state = cmd, make(chan struct{}), Running
	go c.wait(cmd, c.done)
	return nil
}

func (c *Child) wait(cmd *exec.Cmd, done chan struct{}) {
	_ = cmd.Wait() // how it ended, it has printed
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	if c.state == Running {
		c.state = Ended
	}
	close(done)
}

// Kill ends it as kill -9 does, and returns when it is gone.
func (c *Child) Kill() error {
	c.mu.Lock()
	process, done := c.process, c.done
	if process == nil {
		c.mu.Unlock()
		return fmt.Errorf("%w: %s is not running", ErrState, c.name)
	}
	c.state = Killed
	_ = process.Process.Kill() // unless it has just ended by itself
	c.mu.Unlock()
	<-done
	return nil
}
