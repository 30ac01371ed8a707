//go:build unix && !aix && !solaris

package memory

import "syscall"

// mapBytes returns n zero bytes outside the heap.
func mapBytes(n int) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err == nil {
		preferHugePages(b)
	}
	return b, err
}

func unmapBytes(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("memory: unmap: " + err.Error()) // not a mapping: the arena is broken
	}
}
