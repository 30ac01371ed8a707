package caddymodule

import (
	"cmp"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

const (
	// failureInterval is how often wrong credentials are logged, and how long an
	// address is remembered for them.
	failureInterval = time.Minute
	// maxFailing is how many addresses are told apart, and listedFailing how many of
	// them are logged.
	maxFailing    = 4096
	listedFailing = 5
)

// failures counts the wrong credentials of all inputs.
var failures = &authFailures{interval: failureInterval}

// authFailures counts wrong credentials by address. The first one is logged at once,
// what follows once per interval, however many there are.
type authFailures struct {
	interval time.Duration

	mu sync.Mutex
	// current are those since the last log line, before those that it reported.
	current, before map[netip.Addr]int
	total           int // of current, with those of addresses that are not told apart
	running         bool
	logger          *zap.Logger
}

// add counts a failure of an address at an input. The logger passed last is that of the
// config in force.
func (f *authFailures) add(from netip.Addr, rt *route, reason error, logger *zap.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logger = logger
	if !f.running {
		f.running = true
		f.before = map[netip.Addr]int{from: 1}
		logger.Warn("wrong credentials", zap.String("channel", rt.channel), zap.String("input", rt.input.Name),
			zap.String("client_ip", from.String()), zap.Error(reason))
		time.AfterFunc(f.interval, f.report)
		return
	}
	f.total++
	if f.current == nil {
		f.current = map[netip.Addr]int{}
	}
	if f.current[from] > 0 || len(f.current) < maxFailing {
		f.current[from]++
	}
}

// report logs what was counted, and goes on as long as there is something.
func (f *authFailures) report() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.total == 0 {
		f.running, f.before = false, nil
		return
	}
	addresses := slices.SortedFunc(maps.Keys(f.current), func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(f.current[b], f.current[a]), a.Compare(b))
	})
	worst := map[string]int{}
	for _, a := range addresses[:min(len(addresses), listedFailing)] {
		worst[a.String()] = f.current[a]
	}
	f.logger.Warn("many wrong credentials", zap.Int("count", f.total), zap.Int("addresses", len(addresses)),
		zap.Any("worst", worst), zap.Duration("within", f.interval))
	f.before, f.current, f.total = f.current, nil, 0
	time.AfterFunc(f.interval, f.report)
}

// suspects reports whether the address has sent wrong credentials within the last one
// or two intervals.
func (f *authFailures) suspects(from netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current[from] > 0 || f.before[from] > 0
}

// clientIP is where a request comes from, as Caddy determines it.
func clientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

// exactAddr is that as an address; the zero value if it is none.
func exactAddr(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddr(clientIP(r))
	return addr.Unmap().WithZone("")
}

// clientAddr is what clients are told apart by: the address, for IPv6 the /64 network, which is what
// one client has.
func clientAddr(r *http.Request) netip.Addr {
	addr := exactAddr(r)
	if !addr.Is6() {
		return addr
	}
	network, _ := addr.Prefix(64)
	return network.Addr()
}
