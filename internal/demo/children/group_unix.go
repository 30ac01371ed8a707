//go:build unix

package children

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Group is a process group whose members end with this process, however that ends. A Ctrl+C
// on the terminal does not reach them: this process decides what becomes of them.
type Group struct {
	guard    *exec.Cmd
	stdin    io.Closer
	children []*Child
}

// NewGroup returns a group without children.
func NewGroup() (*Group, error) {
	// The system closes the guard's input when this process dies, also of kill -9; then the guard
	// kills its whole group, with itself.
	guard := exec.Command("sh", "-c", "read end; kill -9 0")
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := guard.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard of the children: %w", err)
	}
	if err := guard.Start(); err != nil {
		return nil, fmt.Errorf("guard of the children: %w", err)
	}
	return &Group{guard: guard, stdin: stdin}, nil
}

// adopt makes a process, before it is started, a member.
func (g *Group) adopt(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.guard.Process.Pid}
}

// end kills the guard and all children.
func (g *Group) end() {
	_ = g.stdin.Close()
	_ = g.guard.Wait() // it says that it was killed
}
