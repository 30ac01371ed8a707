//go:build !unix || aix || solaris

package memory

// mapBytes takes the bytes from the heap. They hold no pointers and are reused, so the
// collector has little work with them, but it counts them when it decides how much garbage
// may pile up.
func mapBytes(n int) ([]byte, error) { return make([]byte, n), nil }

func unmapBytes([]byte) {}
