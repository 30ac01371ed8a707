package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What an encoder sends to keep the origin busy, and its store full.

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
		wait(ctx, 50*time.Millisecond)
	})
}

// packedSegment is a segment of some kB that become megabytes.
var packedSegment struct {
	once sync.Once
	body bytes.Buffer
}

func packedMedia(ctx context.Context, f *force, i int) {
	packedSegment.once.Do(func() {
		w := gzip.NewWriter(&packedSegment.body)
		_, _ = w.Write(padded(f.media[0], 6<<20))
		_ = w.Close()
	})
	again(ctx, func(int) {
		body := bytes.NewReader(packedSegment.body.Bytes())
		f.send(ctx, http.MethodPut, fmt.Sprintf("%spacked%d.ts", hostileInput, i), body, func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
		})
		wait(ctx, 50*time.Millisecond)
	})
}

// longText is subtitles of megabytes: of all media, they take longest to look into.
func longText(ctx context.Context, f *force, i int) {
	const cue = "00:00.000 --> 00:01.000\nx\n\n"
	body := "WEBVTT\n\n" + strings.Repeat(cue, 4<<20/len(cue))
	again(ctx, func(int) {
		f.put(ctx, fmt.Sprintf("%stext%d.vtt", hostileInput, i), body)
		wait(ctx, 50*time.Millisecond)
	})
}

// mediaAhead sends large segments as fast as they go, and lists them all, with times far
// ahead of the clock.
func mediaAhead(ctx context.Context, f *force, _ int) {
	again(ctx, func(n int) {
		body := padded(f.media[n%len(f.media)], 2<<20)
		f.send(ctx, http.MethodPut, fmt.Sprintf("%sahead%d.ts", hostileInput, n), bytes.NewReader(body))
		var list strings.Builder
		first := max(0, n-len(f.media))
		fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
		for s := first; s <= n; s++ {
			fmt.Fprintf(&list, "#EXTINF:1.92,\nahead%d.ts\n", s)
		}
		f.put(ctx, hostileInput+"live.m3u8", list.String())
	})
}

// longMultivariant announces nothing new in ever other megabytes.
func longMultivariant(ctx context.Context, f *force, i int) {
	again(ctx, func(int) {
		var list strings.Builder
		list.WriteString("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n")
		for n := range 60 {
			fmt.Fprintf(&list, "#EXT-X-SESSION-DATA:DATA-ID=\"%d\",VALUE=\"%s\"\n", n, noise(60_000))
		}
		f.put(ctx, fmt.Sprintf("%smaster%d.m3u8", hostileInput, i), list.String())
	})
}

// noise is text that does not get much shorter when it is compressed.
func noise(length int) string {
	b := make([]byte, length/2)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(b)
}

// slowUploads hold the places of an input that may have just as many of them. They are cut
// off after half a minute, so they go on beside the others.
var slowUploads = attack{"uploads that hardly get on", 4, crawlingUpload, nil}

func crawlingUpload(ctx context.Context, f *force, i int) {
	conn, err := f.dial(ctx, i, 1)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "PUT /in/sports/slow/%d.ts HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n", i, f.host())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		if f.done.Add(1); resp.StatusCode != http.StatusRequestTimeout {
			f.harm.Add(1)
		}
	}()
	for {
		select {
		case <-answered:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
			_, _ = io.WriteString(conn, "1\r\nG\r\n")
		}
	}
}
