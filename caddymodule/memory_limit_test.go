package caddymodule

import (
	"testing"
	"testing/fstest"
)

// A store that does not fit is told of at the start, not when the system ends the process.
func TestMemoryLimit(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	meminfo := file("MemTotal:        4194304 kB\nMemFree:          123 kB\n")
	for name, c := range map[string]struct {
		root  fstest.MapFS
		limit int64
		by    string
	}{
		"a machine": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/user.slice\n")}, 4 << 30, "machine"},
		"a unit of systemd, whose slice has the limit": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/live.slice/caddy.service\n"),
			"sys/fs/cgroup/live.slice/caddy.service/memory.max": file("max\n"), "sys/fs/cgroup/live.slice/memory.max": file("1073741824\n"),
		}, 1 << 30, "/sys/fs/cgroup/live.slice/memory.max"},
		"a container": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n"),
		}, 512 << 20, "/sys/fs/cgroup/memory.max"},
		"version 1, in a container that knows its path outside": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("9:name=systemd:/\n4:memory:/docker/1234\n1:cpu:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("268435456\n"),
		}, 256 << 20, "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"version 1 without a limit": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 4 << 30, "machine"},
		"another system": {fstest.MapFS{}, 0, "machine"},
	} {
		if limit, by := memoryLimit(c.root); limit != c.limit || by != c.by {
			t.Errorf("%s: %d by %s, want %d by %s", name, limit, by, c.limit, c.by)
		}
	}
	// The default does not fit into 2 GiB; what is said to fit does.
	if needed(defaultCapacity) <= 2<<30 || needed(fitting(2<<30)) > 2<<30 {
		t.Errorf("%d of memory for %d, %d for %d", needed(defaultCapacity), int64(defaultCapacity), needed(fitting(2<<30)), fitting(2<<30))
	}
}
