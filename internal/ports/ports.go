// Package ports finds ports for processes that have to be told where to listen.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports from first on, and below end, are not those that systems give to connections by themselves:
// one of these may be taken between the moment that it is found and the one that a process listens.
const (
	first, end = 20000, 32768
	// attempts is how many are tried.
	attempts = 1000
)

var errNone = errors.New("no port is free")

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns a port that nothing listens on at a host, and that it has not returned before.
func Free(host string) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	err := errNone
	for range attempts {
		port := first + rand.IntN(end-first)
		if given[port] {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))); err != nil {
			continue
		}
		given[port] = true
		return port, l.Close()
	}
	return 0, err
}

// FreeAddress is a host with a free port.
func FreeAddress(host string) (string, error) {
	port, err := Free(host)
	return net.JoinHostPort(host, strconv.Itoa(port)), err
}
