package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// attackedOrigin has a channel whose first input is attacked and whose second one goes
// on, and another channel beside it.
const attackedOrigin = `
	store memory {
		capacity 128MiB
	}
	status /status
	channel sports {
		input a /in/sports/a {
			basic_auth encoder %s
		}
		input open /in/sports/open
		input b /in/sports/b
		endpoint fast /fast/sports {
			segment_duration 2s
			startover_window 1h
		}
	}
	channel news {
		input a /in/news
		endpoint hls /live/news
	}`

const quietList = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nnever.ts\n"

// victims measures what those who do nothing wrong wait for: a viewer's playlist, and an
// upload of another channel. It returns the times that 9 of 10 stay below.
func victims(t *testing.T, o *origin, length time.Duration) (get, put time.Duration) {
	t.Helper()
	var gets, puts []time.Duration
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		began := time.Now()
		resp, err := http.Get(o.url("/fast/sports/index.m3u8"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("a viewer gets %s", resp.Status)
		}
		gets = append(gets, time.Since(began))
		began = time.Now()
		req, err := http.NewRequest(http.MethodPut, o.url("/in/news/live.m3u8"), strings.NewReader(quietList))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err = http.DefaultClient.Do(req); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Errorf("another channel's encoder gets %s", resp.Status)
		}
		puts = append(puts, time.Since(began))
	}
	slices.Sort(gets)
	slices.Sort(puts)
	return gets[len(gets)*9/10], puts[len(puts)*9/10]
}

// TestAttacksHurtNobody lets a stranger, an encoder and a viewer do their worst, in a
// bounded form, and looks at all others: nobody waits more than ten times as long as
// before, no slot is lost, and memory comes back.
func TestAttacksHurtNobody(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 11)
	if err != nil {
		t.Fatal(err)
	}
	o := startOrigin(t, fmt.Sprintf(attackedOrigin, hash))
	startIndependent(t, o.url("/in/sports/b"), 50)
	fast := watch(t, o, "/fast/sports")
	fast.wait(2)
	quietGet, quietPut := victims(t, o, 3*time.Second)
	before := residentMemory(t, o)

	for _, attack := range []struct {
		name string
		run  func(ctx context.Context, o *origin, i int)
		many int
	}{
		{"wrong passwords", wrongPassword, 200},
		{"uploads that are only announced", announcedUpload, 200},
		{"renditions without end", freshRendition, 4},
		{"tags without end", manyTags, 2},
		{"startover without end", startoverRange, 100},
		{"status pages", statusListener, 100},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range attack.many {
			wg.Go(func() { attack.run(ctx, o, i) })
		}
		get, put := victims(t, o, 4*time.Second)
		cancel()
		wg.Wait()
		t.Logf("%s: playlist %v, quiet %v; upload %v, quiet %v", attack.name, get, quietGet, put, quietPut)
		// On a machine with few processors, the attackers themselves take most of it.
		const noise = 25 * time.Millisecond
		if get > 10*max(quietGet, noise) || put > 10*max(quietPut, noise) {
			t.Errorf("%s: playlists take %v instead of %v, uploads %v instead of %v", attack.name, get, quietGet, put, quietPut)
		}
	}
	fast.wait(3)
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity > 0 {
			t.Errorf("%s: viewers saw %d discontinuities", uri, f.discontinuity)
		}
	}
	if after := residentMemory(t, o); after > before+512<<20 {
		t.Errorf("the process has %d MiB, and had %d", after>>20, before>>20)
	}
}

// repeatUntil does something again and again.
func repeatUntil(ctx context.Context, do func(n int)) {
	for n := 0; ctx.Err() == nil; n++ {
		do(n)
	}
}

func send(ctx context.Context, method, url, body string, edit func(*http.Request)) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return
	}
	if edit != nil {
		edit(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func wrongPassword(ctx context.Context, o *origin, i int) {
	repeatUntil(ctx, func(n int) {
		send(ctx, http.MethodPut, o.url("/in/sports/a/x.ts"), "x", func(r *http.Request) {
			r.SetBasicAuth("encoder", fmt.Sprint(i, n))
		})
		time.Sleep(100 * time.Millisecond)
	})
}

func announcedUpload(ctx context.Context, o *origin, i int) {
	conn, err := net.Dial("tcp", o.addr)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "PUT /in/sports/open/%d.ts HTTP/1.1\r\nHost: %s\r\nContent-Length: 60000000\r\n\r\nG", i, o.addr)
	<-ctx.Done()
}

func freshRendition(ctx context.Context, o *origin, i int) {
	repeatUntil(ctx, func(n int) {
		url := o.url(fmt.Sprintf("/in/sports/open/%d-%d.m3u8", i, n))
		send(ctx, http.MethodPut, url, quietList, nil)
		send(ctx, http.MethodDelete, url, "", nil)
	})
}

func manyTags(ctx context.Context, o *origin, i int) {
	var list strings.Builder
	list.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
	for n := range 40_000 {
		fmt.Fprintf(&list, "#EXT-X-DATERANGE:ID=\"%d\",START-DATE=\"2026-01-01T00:00:00Z\"\n", n)
	}
	list.WriteString("#EXTINF:2,\nnever.ts\n")
	repeatUntil(ctx, func(int) {
		send(ctx, http.MethodPut, o.url(fmt.Sprintf("/in/sports/open/tags%d.m3u8", i)), list.String(), nil)
	})
}

func startoverRange(ctx context.Context, o *origin, i int) {
	repeatUntil(ctx, func(n int) {
		start := float64(time.Now().UnixMilli()-int64(i%10)*100) / 1000
		soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		send(soon, http.MethodGet, o.url(fmt.Sprintf("/fast/sports/index.m3u8?start=%.3f&end=%d", start-3, n+1<<33)), "", nil)
		time.Sleep(20 * time.Millisecond)
	})
}

func statusListener(ctx context.Context, o *origin, _ int) {
	send(ctx, http.MethodGet, o.url("/status/events"), "", nil)
}

// residentMemory is what the process has in memory, in bytes, 0 if that is not known.
func residentMemory(t *testing.T, o *origin) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(o.cmd.Process.Pid), "statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
