//go:build !unix

package children

import (
	"errors"
	"os/exec"
)

// Group would be processes that end with this one.
type Group struct{ children []*Child }

// NewGroup refuses: without process groups, children may be left behind.
func NewGroup() (*Group, error) {
	return nil, errors.New("it needs process groups, which this system lacks")
}

func (*Group) adopt(*exec.Cmd) {}

func (*Group) end() {}
