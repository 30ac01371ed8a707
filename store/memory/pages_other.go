//go:build unix && !linux && !aix && !solaris

package memory

// preferHugePages does nothing: other systems choose by themselves.
func preferHugePages([]byte) {}
