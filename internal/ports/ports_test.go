package ports

import (
	"net"
	"strconv"
	"testing"
)

func TestFree(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port, err := Free("localhost")
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Errorf("port %d is given twice", port)
		}
		seen[port] = true
		if port < first || port >= end {
			t.Errorf("port %d is one that a connection may take", port)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("localhost", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if port, err := Free("192.0.2.1"); err == nil { // an address for documentation
		t.Errorf("port %d is free on another machine", port)
	}
}
