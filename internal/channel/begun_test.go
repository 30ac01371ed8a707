package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An encoder restarts with another resolution. It holds the upload of the initialization section open at one node,
// and what it sends meanwhile comes to another one, which does not take it for what goes with the section before.
func TestAnInitializationSectionIsOpenAtAnotherNode(t *testing.T) {
	before, after := fragments(t, "6"), fragments(t, "6", "-s", "640x360")
	for name, end := range map[string]struct {
		body  io.Reader
		fails bool
		want  []byte
	}{
		"it comes":      {bytes.NewReader(after["init.mp4"]), false, after["init.mp4"]},
		"it breaks off": {io.MultiReader(bytes.NewReader(after["init.mp4"][:100]), brokenOff{}), true, before["init.mp4"]},
		"it is garbage": {strings.NewReader("<html>502 Bad Gateway</html>"), true, before["init.mp4"]},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				n1, n2 := s.start("n1"), s.start("n2")
				time.Sleep(time.Second)
				for i := range 3 {
					time.Sleep(segmentTime)
					upload(t, n1, "a", "init.mp4", before["init.mp4"])
					upload(t, n1, "a", fmt.Sprintf("seg%d.m4s", i), before[fmt.Sprintf("seg%d.m4s", i)])
					upload(t, n1, "a", "live.m3u8", fragmentList(i+1, "init.mp4"))
				}
				time.Sleep(10 * time.Second)
				body := &gated{open: make(chan struct{}), content: end.body}
				done := make(chan error)
				go func() {
					_, err := n2.Put(context.Background(), "a", "init.mp4", body, -1)
					done <- err
				}()
				time.Sleep(100 * time.Millisecond)
				upload(t, n1, "a", "seg0.m4s", after["seg0.m4s"])
				upload(t, n1, "a", "live.m3u8", fragmentList(1, "init.mp4"))
				time.Sleep(time.Second)
				if n := len(playlist(t, n1.View("hls")).Segments); n != 3 {
					t.Errorf("%d segments are published before the section is there", n)
				}
				close(body.open)
				if err := <-done; (err != nil) != end.fails {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				p := same(t, n1, n2)
				last := p.Segments[len(p.Segments)-1]
				if len(p.Segments) != 4 || last.Map == nil || !bytes.Equal(fetch(t, n1.View("hls"), last.Map.URI), end.want) {
					t.Errorf("%d segments, the last one: %+v", len(p.Segments), last)
				}
			})
		})
	}
}

// brokenOff is a body that breaks off.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, errors.New("the encoder is gone") }
