package channel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	"github.com/liveorigin/caddy-live-origin/store"
)

func TestRefusals(t *testing.T) {
	names, segments := testmedia.Segments(t, "4")
	c := openChannel(t, testConfig(shortEndpoint()))
	head := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	segment := string(segments[0])
	for _, test := range []struct {
		name, path, body string
		size             int64
		kind             RefusalKind
	}{
		{"traversal", "../x.ts", segment, -1, BadPath},
		{"encoded slash", "a%2fb.ts", segment, -1, BadPath},
		{"html as a playlist", "live.m3u8", "<html></html>", -1, BadPlaylist},
		{"nothing as a playlist", "live.m3u8", "", -1, BadPlaylist},
		{"encrypted", "live.m3u8", head + "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\na.ts\n", -1, UnsupportedMedia},
		{"byte ranges", "live.m3u8", head + "#EXT-X-BYTERANGE:100@0\n#EXTINF:2,\na.ts\n", -1, UnsupportedMedia},
		{"a segment outside the input", "live.m3u8", head + "#EXTINF:2,\n../../a.ts\n", -1, BadPlaylist},
		{"a large playlist", "live.m3u8", head + strings.Repeat("#x\n", 1<<15), -1, TooLarge},
		{"garbage", "x.ts", strings.Repeat("garbage!", 100), -1, UnsupportedMedia},
		{"truncated", "x.ts", segment[:len(segment)-100], -1, BadMedia},
		{"announced too large", "x.ts", segment, 1 << 30, TooLarge},
		{"too large", "x.ts", strings.Repeat(segment, 20), -1, TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Put(t.Context(), "a", test.path, strings.NewReader(test.body), test.size)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Kind != test.kind {
				t.Errorf("got %v, want kind %d", err, test.kind)
			}
		})
	}
	if n := c.store.Usage().Objects; n != 0 {
		t.Errorf("%d objects are left of refused uploads", n)
	}
	_ = names
}

// An encoder that sends a segment once more reads back what it sent, whichever copy is
// kept.
func TestReadingBackWhatWasSentTwice(t *testing.T) {
	_, segments := testmedia.Segments(t, "4")
	c := openChannel(t, testConfig(shortEndpoint()))
	upload(t, c, "a", "live.m3u8", []byte(tsList(1)))
	for range 3 {
		upload(t, c, "a", "seg0.ts", segments[0])
		f, err := c.Get(t.Context(), "a", "seg0.ts")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f.Content)
		if err != nil || !bytes.Equal(text, segments[0]) {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		f.Content.Close()
	}
}

func TestTooManyRenditions(t *testing.T) {
	c := openChannel(t, testConfig(shortEndpoint()))
	text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n"
	for i := range 4 {
		_, err := c.Put(t.Context(), "a", fmt.Sprintf("v%d.m3u8", i), strings.NewReader(text), -1)
		var refusal *Refusal
		if i < 3 && err != nil || i == 3 && (!errors.As(err, &refusal) || refusal.Kind != TooMany) {
			t.Errorf("playlist %d: %v", i, err)
		}
	}
}

// An encoder that comes back under new names each time is taken for ever.
func TestNamesThatAreLeftBehindMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n"
		for i := range 50 {
			if _, err := c.Put(t.Context(), "a", fmt.Sprintf("live%d.m3u8", i), strings.NewReader(text), -1); err != nil {
				t.Fatalf("start %d: %v", i, err)
			}
			time.Sleep(25 * time.Second)
		}
	})
}

// brokenBody ends before its end.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestAnUploadThatBreaksOffIsNeverSeen(t *testing.T) {
	_, segments := testmedia.Segments(t, "4")
	c := openChannel(t, testConfig(shortEndpoint()))
	for _, size := range []int{0, 5, 188, 188 * 100, len(segments[0])} {
		_, err := c.Put(t.Context(), "a", "x.ts", brokenBody{bytes.NewReader(segments[0][:size])}, -1)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := c.Get(t.Context(), "a", "x.ts"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if n := c.store.Usage().Objects; n != 0 {
		t.Errorf("%d objects", n)
	}
}

func TestAnEncoderReadsWhatItPut(t *testing.T) {
	names, segments := testmedia.Segments(t, "4")
	c := openChannel(t, testConfig(shortEndpoint()))
	e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
	e.deliver(0)
	for path, want := range map[string]string{names[0]: string(segments[0]), "live.m3u8": "#EXTM3U"} {
		f, err := c.Get(t.Context(), "a", path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f.Content)
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %v, %d bytes", path, err, len(got))
		}
		f.Content.Close()
	}
	if err := c.Delete("a", names[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "a", names[0]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after DELETE: %v", err)
	}
	if replaced, err := c.Put(t.Context(), "a", "live.m3u8", strings.NewReader("#EXTM3U\n#EXT-X-TARGETDURATION:2\n"), -1); err != nil || !replaced {
		t.Errorf("replaced %v, %v", replaced, err)
	}
}
