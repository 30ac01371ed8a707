package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// attacks are the rows of SECURITY.md that can be tried on a process. The hostile encoder
// has an input of the channel that is on the air with another one.
func attacks() []attack {
	return []attack{
		{"wrong passwords", 200, wrongPassword, nil},
		{"captured credentials", 50, replayedDigest, nil},
		{"bodies without credentials", 30, strangersBody, nil},
		{"uploads to no input", 20, strayUpload, nil},
		{"status pages", 100, statusListener, operatorGetsIn},
		{"startover without end", 100, startoverRange, nil},
		{"startover read slowly", 200, slowStartover, flightIsBounded},
		{"uploads that are only announced", 200, announcedUpload, nil},
		{"objects that no playlist lists", 4, unlistedObject, nil},
		{"media ahead of time", 1, mediaAhead, nil},
		{"playlists by the hundred", 100, packedPlaylist, nil},
		{"compressed media by the hundred", 80, packedMedia, nil},
		{"subtitles by the hundred", 80, longText, nil},
		{"playlists of a day", 3, longPlaylist, nil},
		{"multivariant playlists of megabytes", 4, longMultivariant, nil},
		{"renditions without end", 4, freshRendition, nil},
		{"tags without end", 2, manyTags, nil},
		{"lines that mean nothing", 2, unknownLines, nil},
		{"a discontinuity before each segment", 1, discontinuities, nil},
		{"claims about the other input", 1, claimedAttributes, nil},
	}
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

func announcedUpload(ctx context.Context, f *force, i int) {
	conn, err := net.Dial("tcp", f.host())
	if err != nil {
		return
	}
	defer conn.Close()
	size := []string{"Content-Length: 60000000\r\n\r\nG", "Transfer-Encoding: chunked\r\n\r\n1\r\nG\r\n"}[i%2]
	_, _ = fmt.Fprintf(conn, "PUT %s%d.ts HTTP/1.1\r\nHost: %s\r\n%s", hostileInput, i, f.host(), size)
	f.done.Add(1)
	<-ctx.Done()
}

// unlistedObject uploads sound media of some MB that no playlist will ever list.
func unlistedObject(ctx context.Context, f *force, i int) {
	body := padded(f.media[0], 4<<20)
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
		f.send(ctx, http.MethodPut, fmt.Sprintf("%scut%d.ts", hostileInput, n), bytes.NewReader(f.media[0]))
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
