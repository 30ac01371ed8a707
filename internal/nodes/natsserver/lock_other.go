//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package natsserver

import "os"

// waitForLock does nothing: without flock, two processes that build at once are not kept apart.
func waitForLock(*os.File) error { return nil }
