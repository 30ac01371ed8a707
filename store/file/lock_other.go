//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package file

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock that dies with the process, two processes
// could write to one journal.
func lockFile(*os.File) error {
	return errors.New("the file store needs flock, which this system lacks")
}

func diskFull(error) bool { return false }
