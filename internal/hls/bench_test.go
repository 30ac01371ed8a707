package hls

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, segments := range []int{10, 7_200} {
		text := []byte(mustEncode(b, window(segments)))
		b.Run(fmt.Sprint(segments), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNewest reads the newest part of a list that has grown for a day.
func BenchmarkNewest(b *testing.B) {
	text := []byte(mustEncode(b, window(43_200)))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, Limits{Bytes: 1 << 30, Segments: 2_048}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeMedia(b *testing.B) {
	for _, segments := range []int{10, 60, 7_200, 43_200} {
		m := window(segments)
		b.Run(fmt.Sprint(segments), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text, err := EncodeMedia(m)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(text)))
			}
		})
	}
}

func BenchmarkEncodeMultivariant(b *testing.B) {
	p, err := Parse([]byte(caseText(b, "multivariant_rich")), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeMultivariant(p.Multivariant); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolveURI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ResolveURI(testInput, "v0/index.m3u8", "segment-1795414344.ts"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile shows by its MB/s, which must not fall from one size to
// the next, that the time is linear.
func BenchmarkHostile(b *testing.B) {
	limits := Limits{Bytes: 1 << 30, LineBytes: 1 << 30, Segments: 1 << 30, Renditions: 1 << 30}
	repeat := func(head, line string, size int) string {
		return head + strings.Repeat(line, (size-len(head))/len(line))
	}
	for name, text := range map[string]func(size int) string{
		"blank lines": func(n int) string { return repeat(mediaHead, "\n", n) },
		"comments":    func(n int) string { return repeat(mediaHead, "#\n", n) },
		"segments":    func(n int) string { return repeat(mediaHead, "#EXTINF:1\na\n", n) },
		"discontinuities then headers": func(n int) string {
			return repeat(repeat(mediaHead, "#EXT-X-DATERANGE:A=1\n", n/2), "#EXT-X-START:A=1\n", n)
		},
		"keys":          func(n int) string { return repeat(mediaHead, "#EXT-X-KEY:METHOD=A,URI=b\n#EXTINF:1\na\n", n) },
		"maps":          func(n int) string { return repeat(mediaHead, "#EXT-X-MAP:URI=b\n#EXTINF:1\na\n", n) },
		"digits":        func(n int) string { return repeat(mediaHead+"#EXTINF:1.", "1", n-2) + "\na" },
		"quotes":        func(n int) string { return repeat(mediaHead+"#EXT-X-MAP:", `"="`, n) },
		"names":         func(n int) string { return repeat(mediaHead+"#EXT-X-MAP:", "A", n-2) + "=1" },
		"renditions":    func(n int) string { return repeat("#EXTM3U\n", "#EXT-X-MEDIA:TYPE=A,GROUP-ID=b\n", n) },
		"variants":      func(n int) string { return repeat("#EXTM3U\n", "#EXT-X-STREAM-INF:A=1\na\n", n) },
		"one long line": func(n int) string { return repeat(mediaHead, "#", n) },
	} {
		for _, size := range []int{256 << 10, 1 << 20, 4 << 20} {
			body := []byte(text(size))
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					_, _ = Parse(body, limits)
				}
			})
		}
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		list := manyAttributes(n)
		b.Run(fmt.Sprintf("attributes/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(list)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseAttributes(list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
