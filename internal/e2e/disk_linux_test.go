package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// TestAFullDiskLosesNoLiveSlot: a disk that has room for the live window, but not
// for all of the startover window, and that something else fills as well. The live
// window goes on, without a switch; what gives way is the oldest of the startover
// window.
func TestAFullDiskLosesNoLiveSlot(t *testing.T) {
	t.Parallel()
	disk := mountDisk(t, 16<<20)
	o := startOrigin(t, fmt.Sprintf("\t\tstore file %s\n", filepath.Join(disk, "store"))+startoverEndpoint)
	source := startContribution(t)
	for _, input := range []string{"a", "b"} {
		source.startEncoder(o.url("/in/sports/" + input))
	}
	fast := watch(t, o, "/fast/sports")
	fast.wait(5)
	begin := fast.firstDate()
	// Each input brings some 110 KB/s. The 8 s of the live window, the 10 s that
	// segments stay after it, and as much of the standby make 4 MB. There is room
	// for about 8 MB.
	fill(t, disk, 5<<20)
	fast.wait(25)
	if len(o.log.find("store is full, so startover windows are cut short")) == 0 {
		t.Errorf("the disk never got full: %d bytes are free", freeOn(t, disk))
	}
	if n := len(o.log.find("upload refused")); n > 0 {
		t.Errorf("%d uploads were refused", n)
	}
	fast.finish()
	checkEveryPacket(t, fast, source.recorded())
	if n := len(o.log.find("active input switched")); n > 0 {
		t.Errorf("%d switches", n)
	}
	if body := get(t, fast.base+fmt.Sprintf("index.m3u8?start=%d", begin.Unix()+1)); body != nil {
		t.Error("the disk is full, and still all of the startover window is there")
	}
	recent := startover(t, fast.base, fmt.Sprintf("index.m3u8?start=%d", time.Now().Unix()-12), hls.Event)
	if n := recent.count(); n < 4 {
		t.Errorf("only %d segments of the last 12 s are there", n)
	}
}

// mountDisk is a file system of so many bytes, which takes the right to mount one.
func mountDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		needs.Missing(t, "no file system can be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves so many bytes free.
func fill(t *testing.T, disk string, leave int64) {
	t.Helper()
	other, err := os.Create(filepath.Join(disk, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Write(make([]byte, max(0, freeOn(t, disk)-leave))); err != nil {
		t.Fatal(err)
	}
}

func freeOn(t *testing.T, disk string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(disk, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}
