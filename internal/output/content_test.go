package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// shortObject has fewer bytes than it had when it was recorded.
type shortObject struct {
	*bytes.Reader
	size int64
}

func (o shortObject) Size() int64  { return o.size }
func (o shortObject) Close() error { return nil }

type shortObjects struct {
	store.Store
	object shortObject
}

func (s shortObjects) Open(context.Context, string) (store.Object, error) { return s.object, nil }

// openShort is content of an object that has 1000 bytes left.
func openShort(t *testing.T, recorded int64, parts ...Part) Content {
	t.Helper()
	content, err := OpenParts(t.Context(), shortObjects{object: shortObject{bytes.NewReader(make([]byte, 1000)), recorded}}, parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = content.Close() })
	return content
}

func TestContentOfAShortObject(t *testing.T) {
	whole, halves := []Part{{Key: "a", Size: 5000}}, []Part{{Key: "a", Size: 500}, {Key: "a", Offset: 500, Size: 4500}}
	for name, parts := range map[string][]Part{"one part": whole, "two parts": halves} {
		for _, recorded := range []int64{1000, 5000} {
			var written bytes.Buffer
			if n, err := openShort(t, recorded, parts...).WriteTo(&written); n != 1000 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, recorded %d: written whole: %d %v", name, recorded, n, err)
			}
			content := openShort(t, recorded, parts...)
			if _, err := content.Seek(800, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if n, err := content.WriteTo(io.Discard); n != 200 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, recorded %d: written from 800: %d %v", name, recorded, n, err)
			}
		}
	}
}

// Continuity counters are changed on the way to the viewer, however the segment is read.
func TestContentWithOtherCounters(t *testing.T) {
	packets := func(n int, counter byte) []byte {
		var b []byte
		for range n {
			b = append(b, append([]byte{0x47, 0x41, 0x00, 0x10 | counter&0xf}, bytes.Repeat([]byte{counter}, 184)...)...)
		}
		return b
	}
	st := memory.Open(0)
	defer st.Close()
	for key, b := range map[string][]byte{"a": packets(2, 3), "b": packets(600, 7)} {
		w, err := st.Create(t.Context(), key, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	want := append(packets(2, 3), packets(600, 7)...)
	for i := 2; i < 602; i++ {
		want[188*i+3] = 0x1c
	}
	open := func() Content {
		content, err := OpenParts(t.Context(), st, []Part{{Key: "a", Size: 376}, {Key: "b", Size: 600 * 188, Counters: "256+5"}})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	whole := open()
	defer whole.Close()
	var written bytes.Buffer
	if n, err := whole.WriteTo(&written); n != int64(len(want)) || err != nil || !bytes.Equal(written.Bytes(), want) {
		t.Errorf("written whole: %d bytes, %v, equal %v", n, err, bytes.Equal(written.Bytes(), want))
	}
	for _, from := range []int{0, 1, 375, 376, 377, 378, 379, 380, 188*300 + 2, len(want) - 1} {
		content := open()
		defer content.Close()
		if _, err := content.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, want[from:]) {
			t.Errorf("read from %d: %d bytes, %v, equal %v", from, len(got), err, bytes.Equal(got, want[from:]))
		}
	}
}

// limitedReads fails a test that reads for ever.
type limitedReads struct {
	Content
	reads int
}

func (l *limitedReads) Read(b []byte) (int, error) {
	if l.reads++; l.reads > 100 {
		return 0, errors.New("read 100 times")
	}
	return l.Content.Read(b)
}

func TestRangeOfAShortObject(t *testing.T) {
	for asked, sent := range map[string]int{"bytes=2000-2999": 0, "bytes=800-2999": 200} {
		content := &limitedReads{Content: openShort(t, 5000, Part{Key: "a", Size: 5000})}
		r := httptest.NewRequest(http.MethodGet, "/segment.ts", nil)
		r.Header.Set("Range", asked)
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "video/mp2t")
		http.ServeContent(w, r, "", time.Time{}, content)
		if w.Code != http.StatusPartialContent || w.Body.Len() != sent || content.reads > 10 {
			t.Errorf("%s: %d, %d bytes, %d reads", asked, w.Code, w.Body.Len(), content.reads)
		}
	}
}
