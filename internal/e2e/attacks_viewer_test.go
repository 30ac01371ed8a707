package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// What strangers and viewers do to pages and playlists.

// statusListener holds a place on the status page; they have many addresses.
func statusListener(ctx context.Context, f *force, i int) {
	conn, err := f.dial(ctx, i, 10)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET /status/events HTTP/1.1\r\nHost: %s\r\n\r\n", f.host())
	f.done.Add(1)
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	<-ctx.Done()
}

// operatorGetsIn: strangers have taken all the places that they can have, and the operator
// gets one.
func operatorGetsIn(t *testing.T, o *origin) {
	t.Helper()
	ask := func(password string) (status int, first string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url("/status/events"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("operator", password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		first, _ = bufio.NewReader(resp.Body).ReadString('\n')
		return resp.StatusCode, first
	}
	if status, _ := ask(""); status != http.StatusServiceUnavailable && runtime.GOOS == "linux" {
		t.Errorf("status pages: there was room for another stranger: %d", status)
	}
	if status, first := ask("secret"); status != http.StatusOK || !strings.HasPrefix(first, "retry:") {
		t.Errorf("status pages: the operator gets %d %q", status, first)
	}
}

// startoverRange asks for ever other ranges, and gives them up.
func startoverRange(ctx context.Context, f *force, i int) {
	again(ctx, func(n int) {
		start := float64(time.Now().UnixMilli()-int64(i%10)*100) / 1000
		soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		f.send(soon, http.MethodGet, fmt.Sprintf("/fast/sports/index.m3u8?start=%.3f&end=%d", start-3, (n+1)<<32), nil)
		wait(ctx, 100*time.Millisecond)
	})
}

// slowStartover asks for ever other stretches of a past whose playlists have megabytes, and
// hardly reads them. Every third one is given up soon.
func slowStartover(ctx context.Context, f *force, i int) {
	archiveStart.once.Do(func() { archiveStart.at = f.archiveStart(ctx) })
	start := archiveStart.at
	again(ctx, func(n int) {
		from := start.Unix() + 1 + int64((7*i+n)%24)
		index := f.read(ctx, fmt.Sprintf("/live/archive/index.m3u8?start=%d&end=%d", from, from+26+int64(i%12)))
		lines := strings.Fields(index)
		if len(lines) == 0 || strings.HasPrefix(lines[len(lines)-1], "#") {
			wait(ctx, 200*time.Millisecond) // told to try again
			return
		}
		conn, err := f.dial(ctx, i, 8)
		if err != nil {
			return
		}
		defer conn.Close()
		patience := time.Hour
		if i%3 == 0 {
			patience = 300 * time.Millisecond
		}
		soon, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		defer context.AfterFunc(soon, func() { conn.Close() })()
		_, _ = fmt.Fprintf(conn, "GET /live/archive/%s HTTP/1.1\r\nHost: %s\r\n\r\n", lines[len(lines)-1], f.host())
		f.done.Add(1)
		for buffer := make([]byte, 256); ; wait(soon, 100*time.Millisecond) {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	})
}

// archiveStart is read once by all of them.
var archiveStart struct {
	once sync.Once
	at   time.Time
}

var dateTag = regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:(\S+)`)

// archiveStart is the first date of the channel with the long playlists.
func (f *force) archiveStart(ctx context.Context) time.Time {
	lines := strings.Fields(f.read(ctx, "/live/archive/index.m3u8"))
	if len(lines) == 0 {
		return time.Time{}
	}
	date := dateTag.FindStringSubmatch(f.read(ctx, "/live/archive/"+lines[len(lines)-1]))
	if date == nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339, date[1])
	return at
}

// read is what the origin answers with 200.
func (f *force) read(ctx context.Context, path string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+path, nil)
	if err != nil {
		return ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// flightIsBounded: slow viewers of startover playlists hold no more of them than they may:
// 64 MiB on their way, and as many that are kept, beside a store of 64 MiB.
func flightIsBounded(t *testing.T, o *origin) {
	t.Helper()
	if now := heap(t, o); now > 256<<20 {
		t.Errorf("startover read slowly: the process holds %d MiB", now>>20)
	}
}

// fillArchive uploads two minutes at once, whose playlists take megabytes.
func fillArchive(t *testing.T, o *origin, media [][]byte) {
	t.Helper()
	var list strings.Builder
	list.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
	for n, segment := range media {
		last := n == len(media)-1
		if last {
			// Those before are taken for a burst once the next one comes in time.
			mustUpload(t, o, "/in/archive/live.m3u8", []byte(list.String()))
			time.Sleep(segmentTime)
		}
		mustUpload(t, o, fmt.Sprintf("/in/archive/seg%d.ts", n), segment)
		for k := range 15 {
			fmt.Fprintf(&list, "#EXT-X-DATERANGE:ID=\"%d-%d\",START-DATE=\"2026-01-01T00:00:00Z\",X-NOISE=\"%s\"\n", n, k, noise(4000))
		}
		fmt.Fprintf(&list, "#EXTINF:1.92,\nseg%d.ts\n", n)
	}
	mustUpload(t, o, "/in/archive/live.m3u8", []byte(list.String()))
	for range 100 {
		if text := get(t, o.url("/live/archive/index.m3u8")); text != nil {
			lines := strings.Fields(string(text))
			media := get(t, o.url("/live/archive/"+lines[len(lines)-1]))
			if len(media) > 3<<19 {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the archive is not published")
}
