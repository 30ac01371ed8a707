package caddymodule

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// warnOfMemory says beforehand that a store will not fit into memory. What happens otherwise comes
// hours later, when the startover windows have filled it: the system ends the process, and with it
// all that is kept. Segments lie outside Go's heap, so GOMEMLIMIT does not help.
func warnOfMemory(capacity int64) {
	limit, by := memoryLimit(os.DirFS("/"))
	if limit <= 0 || needed(capacity) <= limit {
		return
	}
	caddy.Log().Named("live_origin").Warn("the store may take more memory than the process may have: the system would end it",
		zap.Int64("capacity", capacity), zap.Int64("memory", limit), zap.String("limited_by", by),
		zap.Int64("capacity_that_fits", max(fitting(limit), 0)))
}

// besides is what Caddy takes without any segments.
const besides = 100 << 20

// needed is how much memory a process with a store of this capacity may take.
func needed(capacity int64) int64 { return capacity + capacity/4 + besides }

// fitting is the opposite of needed.
func fitting(memory int64) int64 { return (memory - besides) / 5 * 4 }

// memoryLimit is how much memory the process may have, and what says so: the control groups that it
// is in, as in a container or with MemoryMax of systemd, or the machine. 0 if it is not known.
func memoryLimit(root fs.FS) (limit int64, by string) {
	limit, by = machineMemory(root), "machine"
	membership, _ := fs.ReadFile(root, "proc/self/cgroup") // there is none but on Linux
	for line := range strings.Lines(string(membership)) {
		// hierarchy:controllers:path
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case fields[1] == "": // version 2
		case fields[1] == "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// A container may see its own group as the root, or by the path that it has outside.
		for group := path.Join("/", fields[2]); ; group = path.Dir(group) {
			name := path.Join(mount, group, file)
			if n := numberIn(root, name); n > 0 && (limit == 0 || n < limit) {
				limit, by = n, "/"+name
			}
			if group == "/" {
				break
			}
		}
	}
	return limit, by
}

// machineMemory is what the machine has, 0 if it is not known.
func machineMemory(root fs.FS) int64 {
	info, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(info)) {
		if total, found := strings.CutPrefix(line, "MemTotal:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(total), " kB"), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// numberIn reads a file with a number, 0 for any other.
func numberIn(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}
