//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package natsserver

import (
	"os"
	"syscall"
)

// waitForLock waits until no other process has the lock. The system frees it when the process
// dies, however it dies.
func waitForLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
