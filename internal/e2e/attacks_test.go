package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// attacks are the rows of SECURITY.md that can be tried on a process. The hostile encoder
// has an input of the channel that is on the air with another one.
var attacks = []attack{
	{"wrong passwords", 200, wrongPassword},
	{"bodies without credentials", 30, strangersBody},
	{"uploads to no input", 20, strayUpload},
	{"status pages", 100, statusListener},
	{"startover without end", 100, startoverRange},
	{"uploads that are only announced", 200, announcedUpload},
	{"objects that no playlist lists", 4, unlistedObject},
	{"playlists by the hundred", 100, packedPlaylist},
	{"playlists of a day", 3, longPlaylist},
	{"renditions without end", 4, freshRendition},
	{"tags without end", 2, manyTags},
	{"lines that mean nothing", 2, unknownLines},
	{"a discontinuity before each segment", 1, discontinuities},
	{"claims about the other input", 1, claimedAttributes},
}

const hostileInput = "/in/sports/hostile/"

func wrongPassword(ctx context.Context, f *force, i int) {
	again(ctx, func(n int) {
		f.send(ctx, http.MethodPut, "/in/sports/locked/x.ts", strings.NewReader("x"), func(r *http.Request) {
			r.SetBasicAuth("encoder", fmt.Sprint(i, n))
		})
	})
}

func strangersBody(ctx context.Context, f *force, _ int) {
	again(ctx, func(int) {
		f.send(ctx, http.MethodPut, "/in/sports/locked/x.ts", io.LimitReader(endless{}, 8<<20))
		wait(ctx, 100*time.Millisecond)
	})
}

func strayUpload(ctx context.Context, f *force, i int) {
	again(ctx, func(n int) {
		f.put(ctx, fmt.Sprintf("/in/sprots/%d-%d.ts", i, n), "x")
		wait(ctx, 20*time.Millisecond)
	})
}

func statusListener(ctx context.Context, f *force, _ int) {
	f.done.Add(1)
	f.send(ctx, http.MethodGet, "/status/events", nil)
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

func announcedUpload(ctx context.Context, f *force, i int) {
	addr := strings.TrimPrefix(f.base, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	size := []string{"Content-Length: 60000000\r\n\r\nG", "Transfer-Encoding: chunked\r\n\r\n1\r\nG\r\n"}[i%2]
	_, _ = fmt.Fprintf(conn, "PUT %s%d.ts HTTP/1.1\r\nHost: %s\r\n%s", hostileInput, i, addr, size)
	f.done.Add(1)
	<-ctx.Done()
}

// unlistedObject uploads sound media of some MB that no playlist will ever list.
func unlistedObject(ctx context.Context, f *force, i int) {
	body := padded(f.media, 4<<20)
	again(ctx, func(n int) {
		f.send(ctx, http.MethodPut, fmt.Sprintf("%sunlisted%d-%d.ts", hostileInput, i, n), bytes.NewReader(body))
		wait(ctx, 50*time.Millisecond)
	})
}

// padded is a transport stream with empty packets behind it.
func padded(media []byte, size int) []byte {
	empty := append([]byte{0x47, 0x1f, 0xff, 0x10}, bytes.Repeat([]byte{0xff}, 184)...)
	return append(bytes.Clone(media), bytes.Repeat(empty, max(0, size-len(media))/len(empty))...)
}

// packed is a playlist of a few kB that become megabytes.
var packed = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, quietList+strings.Repeat("#"+strings.Repeat(" ", 1000)+"\n", 3900))
	_ = w.Close()
	return b.Bytes()
})

func packedPlaylist(ctx context.Context, f *force, i int) {
	again(ctx, func(int) {
		f.send(ctx, http.MethodPut, fmt.Sprintf("%spacked%d.m3u8", hostileInput, i%10), bytes.NewReader(packed()), func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
		})
		wait(ctx, time.Second)
	})
}

// longPlaylist lists 50,000 segments in each of 19 renditions.
func longPlaylist(ctx context.Context, f *force, i int) {
	again(ctx, func(n int) {
		var list strings.Builder
		fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", n)
		for s := range 50_000 {
			fmt.Fprintf(&list, "#EXTINF:2,\nlong%d.ts\n", n+s)
		}
		f.put(ctx, fmt.Sprintf("%slong%d.m3u8", hostileInput, (i+3*n)%19), list.String())
	})
}

func freshRendition(ctx context.Context, f *force, i int) {
	again(ctx, func(n int) {
		path := fmt.Sprintf("%sfresh%d-%d.m3u8", hostileInput, i, n)
		f.put(ctx, path, quietList)
		f.send(ctx, http.MethodDelete, path, nil)
	})
}

func manyTags(ctx context.Context, f *force, i int) {
	var list strings.Builder
	list.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
	for n := range 40_000 {
		fmt.Fprintf(&list, "#EXT-X-DATERANGE:ID=\"%d\",START-DATE=\"2026-01-01T00:00:00Z\"\n", n)
	}
	list.WriteString("#EXTINF:2,\nnever.ts\n")
	again(ctx, func(int) { f.put(ctx, fmt.Sprintf("%stags%d.m3u8", hostileInput, i), list.String()) })
}

func unknownLines(ctx context.Context, f *force, i int) {
	var list strings.Builder
	list.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nnever.ts\n")
	for n := range 200_000 {
		fmt.Fprintf(&list, "#EXT-X-%d\n", n)
	}
	again(ctx, func(int) { f.put(ctx, fmt.Sprintf("%slines%d.m3u8", hostileInput, i), list.String()) })
}

// discontinuities lists one more segment with each playlist, and says before each that it
// has nothing to do with the one before.
func discontinuities(ctx context.Context, f *force, _ int) {
	again(ctx, func(n int) {
		f.send(ctx, http.MethodPut, fmt.Sprintf("%scut%d.ts", hostileInput, n), bytes.NewReader(f.media))
		var list strings.Builder
		first := max(0, n-20)
		fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
		for s := first; s <= n; s++ {
			fmt.Fprintf(&list, "#EXT-X-DISCONTINUITY\n#EXTINF:1.92,\ncut%d.ts\n", s)
		}
		f.put(ctx, hostileInput+"cut.m3u8", list.String())
	})
}

// claimedAttributes says of the other input's variant what is not so, and of variants that
// nobody delivers that they are there.
func claimedAttributes(ctx context.Context, f *force, _ int) {
	again(ctx, func(n int) {
		f.put(ctx, hostileInput+"master.m3u8", fmt.Sprintf("#EXTM3U\n#EXT-X-START:TIME-OFFSET=-%d\n"+
			"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"none\",DEFAULT=YES,URI=\"none.m3u8\"\n"+
			"#EXT-X-STREAM-INF:BANDWIDTH=%d,CODECS=\"hvc1.1.6.L93\",RESOLUTION=%dx2,HDCP-LEVEL=TYPE-1,AUDIO=\"a\"\nlive.m3u8\n"+
			"#EXT-X-STREAM-INF:BANDWIDTH=1\nphantom%d.m3u8\n", n%60, n+1, 2+n%4000, n%7))
		wait(ctx, 20*time.Millisecond)
	})
}

// wait waits, but not for longer than the attack.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
