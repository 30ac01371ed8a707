package children

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Lines lets several children print to one writer, whole lines at a time, each with the
// child's name before it.
type Lines struct {
	mu  sync.Mutex
	out io.Writer
}

// NewLines returns Lines that print to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

// Of returns what a child prints to. Lines for which skip is true are not printed.
func (l *Lines) Of(name string, skip func(line []byte) bool) io.Writer {
	return &named{lines: l, name: name, skip: skip}
}

type named struct {
	lines *Lines
	name  string
	skip  func([]byte) bool
	half  []byte // the line that is not over yet
}

func (n *named) Write(b []byte) (int, error) {
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	n.half = append(n.half, b...)
	for {
		line, rest, whole := bytes.Cut(n.half, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		n.half = rest
		if n.skip(line) {
			continue
		}
		if _, err := fmt.Fprintf(n.lines.out, "%s | %s\n", n.name, line); err != nil {
			return len(b), err
		}
	}
}
