package channel

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Segments that each begin with their own initialization section are freed like any others.
// One that a playlist names for other segments stays.
func TestSegmentsWithTheirOwnInitializationSectionAreFreed(t *testing.T) {
	files := fragments(t, "100")
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("named %v", named), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endpoint := shortEndpoint()
				endpoint.PlaylistWindow = 6 * time.Second
				c := openChannel(t, testConfig(endpoint))
				const n = 50
				var sizes []int64
				for i := range n {
					time.Sleep(segmentTime)
					name := fmt.Sprintf("seg%d.m4s", i)
					body := append(bytes.Clone(files["init.mp4"]), files[name]...)
					sizes = append(sizes, c.store.Usage().Bytes)
					text := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", max(0, i-5))
					if named {
						text += "#EXT-X-MAP:URI=\"seg0.m4s\"\n"
					}
					for k := max(0, i-5); k <= i; k++ {
						text += fmt.Sprintf("#EXTINF:1.92,\nseg%d.m4s\n", k)
					}
					if named && i > 0 {
						body = files[name]
					}
					upload(t, c, "a", name, body)
					upload(t, c, "a", "live.m3u8", []byte(text))
				}
				if early, late := sizes[30], sizes[n-1]; late > early+early/4 {
					t.Errorf("%d bytes are held after 30 segments, %d after %d", early, late, n)
				}
				if n := len(c.inputs["a"].binder.inits); n > wholeInits {
					t.Errorf("%d sections are in force", n)
				}
				time.Sleep(4 * time.Second)
				synctest.Wait()
				p := playlist(t, c.View("hls"))
				for _, s := range p.Segments {
					if s.Gap || s.Map == nil || !bytes.Equal(fetch(t, c.View("hls"), s.Map.URI), files["init.mp4"]) {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

func TestInitializationSectionsThatNobodyNamesAreFreed(t *testing.T) {
	files := fragments(t, "6")
	synctest.Test(t, func(t *testing.T) {
		endpoint := shortEndpoint()
		endpoint.PlaylistWindow = 6 * time.Second
		c := openChannel(t, testConfig(endpoint))
		// Every run has names of its own.
		for run := range 12 {
			init := fmt.Sprintf("init-%d.mp4", run)
			upload(t, c, "a", init, files["init.mp4"])
			for i := range 3 {
				time.Sleep(segmentTime)
				upload(t, c, "a", fmt.Sprintf("seg%d.m4s", i), files[fmt.Sprintf("seg%d.m4s", i)])
				upload(t, c, "a", "live.m3u8", fragmentList(i+1, init))
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
		}
		if n := len(c.inputs["a"].binder.inits); n > 7 {
			t.Errorf("%d initialization sections are held", n)
		}
	})
}

// Of an input that sends ever other large initialization sections, the newest ones outlive
// the process, and no more than so many bytes of them.
func TestKeptInitializationSectionsAreBounded(t *testing.T) {
	files := fragments(t, "2")
	c := openChannel(t, testConfig(shortEndpoint()))
	const padding = 60 << 10
	free := append([]byte{0, 0, byte(padding >> 8), 0, 'f', 'r', 'e', 'e'}, make([]byte, padding-8)...)
	for i := range 30 {
		free[len(free)-1] = byte(i)
		upload(t, c, "a", fmt.Sprintf("init-%d.mp4", i), append(bytes.Clone(files["init.mp4"]), free...))
	}
	sum, newest := 0, false
	for _, entry := range c.standing.inOrder() {
		sum += len(entry.Init.Data)
		newest = newest || entry.Init.Path == "init-29.mp4"
	}
	if sum == 0 || sum > maxKeptInits || !newest {
		t.Errorf("%d bytes are kept, the newest: %t", sum, newest)
	}
	if n := len(c.inputs["a"].binder.inits); n != 30 {
		t.Errorf("%d are in force", n)
	}
}
