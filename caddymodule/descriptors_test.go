package caddymodule

import (
	"syscall"
	"testing"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Where encoders can't connect because viewers have all file descriptors, the log says so when an input
// is silent, not only that it is.
func TestTheLogNamesALackOfDescriptors(t *testing.T) {
	core, logs := zapobserver.New(zap.WarnLevel)
	o := newObserver(zap.New(core))
	silent := failover.InputChanged{Input: "a", Reason: "silent"}
	o.Event("sports", silent)
	if logs.Len() != 0 {
		t.Errorf("there are enough: %v", logs.All())
	}
	o.descriptors = func() error { return syscall.EMFILE }
	o.Event("sports", failover.InputChanged{Input: "a", Up: true})
	if logs.Len() != 0 {
		t.Errorf("nothing is missing: %v", logs.All())
	}
	for range 10 {
		o.Event("sports", silent)
		o.Event("sports", failover.SlotGivenUp{Endpoint: "hls"})
	}
	told := 0
	for _, entry := range logs.All() {
		if entry.Level == zap.ErrorLevel {
			told++
		}
	}
	if told != 1 {
		t.Errorf("it is told %d times: %v", told, logs.All())
	}
}
