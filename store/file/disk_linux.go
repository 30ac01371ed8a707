package file

import (
	"os"
	"syscall"
)

// freeOnDisk is what the file system of a file has left for us, in bytes, below zero
// if that is not known.
func freeOnDisk(f *os.File) int64 {
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // it is shorter on 32-bit systems
}
