package handover

import (
	"bytes"
	"os"
)

// migrateRequests is a setting of Linux 5.14 and later, see ip-sysctl in its documentation: the
// kernel hands over connections that no server has accepted yet.
const migrateRequests = "/proc/sys/net/ipv4/tcp_migrate_req"

// LosesQueued reports whether the kernel resets connections that no server has accepted yet when
// a listener is closed. It is false where that is not known.
func LosesQueued() bool {
	setting, err := os.ReadFile(migrateRequests)
	return err == nil && bytes.Equal(bytes.TrimSpace(setting), []byte("0"))
}

// KeepQueued makes the kernel hand them over, until restore is called: for tests and benchmarks, as
// it changes the machine. ok is false if it may not.
func KeepQueued() (restore func(), ok bool) {
	before, err := os.ReadFile(migrateRequests)
	if err != nil || os.WriteFile(migrateRequests, []byte("1"), 0) != nil {
		return func() {}, false
	}
	return func() { _ = os.WriteFile(migrateRequests, before, 0) }, true
}
