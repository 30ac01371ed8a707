package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestReloadUnderLoad(t *testing.T) {
	n := newNode(t)
	n.load(site(""))
	segment := n.goOnAir("/in/a", "/live")
	_, media := segments(t)

	done := make(chan struct{})
	var users sync.WaitGroup
	var served atomic.Int64
	for u := range 6 {
		users.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				var status int
				var text string
				switch u % 3 {
				case 0:
					status, text = n.do("PUT", fmt.Sprintf("/in/b/%d-%d.ts", u, i%5), bytes.NewReader(media[i%len(media)]))
				case 1:
					status, text = n.do("GET", "/live/index.m3u8", nil)
				case 2:
					status, text = n.do("GET", segment, nil)
					if status == 200 && text != string(media[0]) {
						t.Error("other bytes")
					}
				}
				if status/100 != 2 {
					t.Errorf("user %d: %d %s", u, status, text)
					return
				}
				served.Add(1)
			}
		})
	}
	for i := range 20 {
		enough := served.Load() + 30
		eventually(t, "30 requests", func() bool { return served.Load() >= enough || t.Failed() })
		n.load(site(fmt.Sprintf("playlist_window %ds", 10+i)))
	}
	close(done)
	users.Wait()
	if s, c := liveCount(); s != 1 || c != 1 {
		t.Errorf("%d stores, %d channels", s, c)
	}
}

func TestUploadAcrossReloads(t *testing.T) {
	n := newNode(t)
	names, media := segments(t)
	n.load(site(""))
	upload := n.startUpload("/in/a/"+names[0], media[0])
	inUse(t, 2)
	n.load(site("playlist_window 30s"))
	n.load(site("playlist_window 40s"))
	inUse(t, 2)
	upload.finish("201")
	if text := n.want("GET", "/in/a/"+names[0], nil, 200); text != string(media[0]) {
		t.Error("read back other bytes")
	}
}

func TestUploadAcrossRemoval(t *testing.T) {
	n := newNode(t)
	names, media := segments(t)
	n.load(site(""))
	upload := n.startUpload("/in/a/"+names[0], media[0])
	inUse(t, 2)
	n.load(otherSite)
	n.want("GET", "/live/index.m3u8", nil, 200) // the empty answer of a site without a handler for it
	inUse(t, 1)
	upload.finish("201")
	eventually(t, "the channel is closed", func() bool { _, c := liveCount(); return c == 1 })
}

// A channel that comes back while an upload still has it is the same one.
func TestUploadAcrossReturn(t *testing.T) {
	n := newNode(t)
	names, media := segments(t)
	n.load(site(""))
	segment := n.goOnAir("/in/b", "/live")
	upload := n.startUpload("/in/a/"+names[0], media[0])
	inUse(t, 2)
	n.load(otherSite)
	inUse(t, 1)
	n.load(site(""))
	inUse(t, 2)
	upload.finish("201")
	n.want("GET", "/in/a/"+names[0], nil, 200)
	n.want("GET", segment, nil, 200)
}

func TestRejectedConfigs(t *testing.T) {
	n := newNode(t)
	_, media := segments(t)
	n.load(site("playlist_window 30s"))
	segment := n.goOnAir("/in/a", "/live")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	const smaller = "live_origin {\nstore memory {\ncapacity 1GiB\n}\nchannel sports {\ninput b /in/b\nendpoint other /other\n}\n}\n"
	configs := map[string]string{
		"bad option":     strings.Replace(n.config(smaller), `"/other"`, `"other"`, 1),
		"bad handler":    strings.Replace(n.config(smaller), `"handler":"live_origin"`, `"handler":"no_such_handler"`, 1),
		"bad store":      n.config("live_origin {\nstore file " + filepath.Join(brokenDir(t), "x") + "\nchannel sports {\ninput b /in/b\nendpoint other /other\n}\n}\n"),
		"bad listener":   strings.Replace(n.config(smaller), n.addr, taken.Addr().String(), 1),
		"second channel": replaceLast(n.config(smaller+"handle /x/* {\n"+smaller+"}\n"), `"/other"`, `"/x/o"`),
	}
	for name, config := range configs {
		// Apps start in no order, so that there is more than one way to fail.
		for range 6 {
			if err := caddy.Load([]byte(config), true); err == nil {
				t.Fatalf("%s: is accepted", name)
			}
			n.want("GET", "/live/index.m3u8", nil, 200)
			n.want("GET", segment, nil, 200)
			n.want("DELETE", "/in/a/x", nil, 204)
			if text := n.want("GET", "/other/index.m3u8", nil, 200); text != "" {
				t.Fatalf("%s: %s", name, text)
			}
			live.changing.Lock()
			for _, c := range live.channels {
				if got := c.store.store.Usage().Capacity; got != defaultCapacity {
					t.Errorf("%s: the store has the capacity %d", name, got)
				}
				if w := c.applied.config.Endpoints; len(w) != 1 || w[0].PlaylistWindow != 30*time.Second || c.applied.app != live.current {
					t.Errorf("%s: the channel has %+v", name, c.applied)
				}
			}
			live.changing.Unlock()
			if s, c := liveCount(); s != 1 || c != 1 {
				t.Fatalf("%s: %d stores, %d channels", name, s, c)
			}
		}
	}
	n.want("PUT", "/in/a/new.ts", bytes.NewReader(media[0]), 201)
	// The same changes are fine in a config that starts.
	n.load(smaller)
	n.want("GET", "/other/index.m3u8", nil, 404)
	if text := n.want("GET", segment, nil, 200); text != "" {
		t.Error("the old endpoint is still there")
	}
	live.changing.Lock()
	defer live.changing.Unlock()
	for _, c := range live.channels {
		if len(c.applied.config.Inputs) != 1 || len(c.applied.config.Endpoints) != 1 {
			t.Errorf("what was removed is still there: %+v", c.applied.config)
		}
	}
}

// brokenDir is a file where a directory should be.
func brokenDir(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// 200 reloads, each of which removes a channel and brings another one, leave no
// goroutines and no memory behind.
func TestNothingLeaksOverReloads(t *testing.T) {
	n := newNode(t)
	_, media := segments(t)
	load := func(i int) {
		if i%2 == 0 {
			n.load(otherSite)
		} else {
			n.load(site(""))
			n.want("PUT", "/in/a/seg.ts", bytes.NewReader(media[0]), 201)
		}
		n.want("PUT", "/in/b/live.m3u8", strings.NewReader(shortList), []int{404, 201}[i%2])
	}
	for i := range 20 { // what Caddy starts once, and what grows once
		load(i)
	}
	// Servers that shut down look every half second whether they are done.
	goroutines, heap := runtime.NumGoroutine(), settledHeap(n)
	for range 50 {
		time.Sleep(20 * time.Millisecond)
		goroutines = min(goroutines, runtime.NumGoroutine())
	}
	for i := range 200 {
		load(i)
	}
	eventually(t, fmt.Sprintf("no more than %d goroutines", goroutines+3), func() bool {
		n.client.CloseIdleConnections()
		return runtime.NumGoroutine() <= goroutines+3
	})
	const tolerance = 4 << 20 // 20 KiB for each reload
	eventually(t, fmt.Sprintf("a heap of no more than %d bytes", heap+tolerance), func() bool { return settledHeap(n) <= heap+tolerance })
}

// settledHeap is what is in use when all garbage is gone, finalizers included.
func settledHeap(n *node) uint64 {
	n.client.CloseIdleConnections()
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A channel that is removed frees what it held once its last upload has ended. Only
// its journals stay, so that numbers go on if it comes back.
func TestARemovedChannelFreesItsMemory(t *testing.T) {
	n := newNode(t)
	names, media := segments(t)
	n.load(site(""))
	n.goOnAir("/in/b", "/live")
	upload := n.startUpload("/in/a/"+names[0], media[0])
	inUse(t, 2)
	held := func() int64 {
		live.mu.Lock()
		defer live.mu.Unlock()
		return live.stores["memory"].store.Usage().Objects
	}
	if held() == 0 {
		t.Error("the channel holds nothing")
	}
	n.load(otherSite) // on the same store
	inUse(t, 1)
	if held() == 0 {
		t.Error("the channel is gone before its last upload")
	}
	upload.finish("201")
	eventually(t, "a store without objects", func() bool { return held() == 0 })
}

// `caddy validate` runs in a second process while the server is at work.
func TestValidateTouchesNothing(t *testing.T) {
	n := newNode(t)
	dir := filepath.Join(t.TempDir(), "new", "store")
	config := n.config("live_origin {\nstore file " + dir + "\nchannel sports {\ninput a /in/a\nendpoint hls /live\n}\n}\n")
	for range 2 {
		validate(t, config, "")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory is there:", err)
	}
	if s, c := liveCount(); s+c != 0 {
		t.Errorf("%d stores, %d channels", s, c)
	}
}

func TestFileStoreSurvivesRestart(t *testing.T) {
	n := newNode(t)
	dir := t.TempDir()
	config := strings.Replace(site(""), "live_origin {", "live_origin {\nstore file "+dir, 1)
	n.load(config)
	segment := n.goOnAir("/in/a", "/live")
	before := n.want("GET", segment, nil, 200)
	n.load(config)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is closed", func() bool { s, _ := liveCount(); return s == 0 })
	n.load(config)
	n.want("GET", "/live/index.m3u8", nil, 200)
	if n.want("GET", segment, nil, 200) != before {
		t.Error("the segment has other bytes")
	}
}

func TestCapacityOfTheNewestConfig(t *testing.T) {
	n := newNode(t)
	for _, capacity := range []int64{1 << 30, 1 << 20, 3 << 30} {
		n.load(strings.Replace(site(""), "live_origin {", fmt.Sprintf("live_origin {\nstore memory {\ncapacity %d\n}", capacity), 1))
		live.mu.Lock()
		for id, s := range live.stores {
			if got := s.store.Usage().Capacity; id != "memory" || got != capacity {
				t.Errorf("%s has the capacity %d, want %d", id, got, capacity)
			}
		}
		live.mu.Unlock()
	}
}

func TestSharedChannels(t *testing.T) {
	n := newNode(t)
	two := func(a, b string) string { return n.config("handle /1/* {\n" + a + "}\nhandle {\n" + b + "}\n") }
	validate(t, two(site(""), site("")), "")
	validate(t, two(site(""), otherSite), "")
	// A Caddyfile that says so has errors with lines; JSON has not.
	validate(t, replaceLast(two(site(""), site("")), `"path":"/live"`, `"path":"/live","playlist_window":"30s"`),
		"channel sports: is configured differently by another live_origin handler")
	validate(t, replaceLast(two(site(""), otherSite), `"handler":"live_origin"`, `"handler":"live_origin","store":{"engine":"memory","capacity":1073741824}`),
		"store memory is used with different options")
}

func replaceLast(text, old, other string) string {
	i := strings.LastIndex(text, old)
	return text[:i] + other + text[i+len(old):]
}

func TestAccessLogFields(t *testing.T) {
	n := newNode(t)
	file := filepath.Join(t.TempDir(), "access.log")
	n.load("log {\noutput file " + file + "\n}\n" + site(""))
	n.want("PUT", "/in/a/live.m3u8", strings.NewReader(shortList), 201)
	n.want("GET", "/live/index.m3u8", nil, 404)
	for _, entry := range []string{`"live_channel":"sports","live_input":"a"`, `"live_channel":"sports","live_endpoint":"hls"`} {
		eventually(t, entry, func() bool {
			log, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(log), entry)
		})
	}
}

// Apps start in no order: a request may come before the companion app starts.
func TestRequestBeforeStart(t *testing.T) {
	o, err := tryOrigin(t, twoInputs)
	if err != nil {
		t.Fatal(err)
	}
	if s, c := liveCount(); s+c != 0 {
		t.Errorf("%d stores, %d channels before anything starts", s, c)
	}
	want(t, o.do("PUT", "/in/a/live.m3u8", strings.NewReader(shortList)), 201, "")
}

// Caddy cleans up while requests are on their way to the handler.
func TestRequestAfterCleanup(t *testing.T) {
	o, _, segment := onAir(t)
	if err := o.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	w := o.do("PUT", "/in/a/live.m3u8", strings.NewReader(shortList))
	want(t, w, 503, "")
	wantHeader(t, w.Header(), "Retry-After", "1")
	want(t, o.do("GET", segment, nil), 404, "")
	late, err := tryOrigin(t, twoInputs)
	if err != nil {
		t.Fatal(err)
	}
	if err := late.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	want(t, late.do("GET", "/live/index.m3u8", nil), 503, "")
}

// An endpoint that was removed and comes back goes on with its numbers. What it
// missed meanwhile, other endpoints have left behind, and it is no longer there.
func TestAnEndpointReturns(t *testing.T) {
	n := newNode(t)
	names, media := segments(t)
	both := strings.Replace(site(""), "endpoint hls", "endpoint other /other {\nsegment_duration 2s\n}\nendpoint hls", 1)
	n.load(both)
	n.goOnAir("/in/a", "/live")
	last := func() string {
		variant := "/other/" + uris(n.want("GET", "/other/index.m3u8", nil, 200))[0]
		list := uris(n.want("GET", variant, nil, 200))
		return filepath.Dir(variant) + "/" + list[len(list)-1]
	}
	before := last()
	n.load(site(""))
	for i := 6; i < 8; i++ {
		n.want("PUT", "/in/a/"+names[i], bytes.NewReader(media[i]), 201)
		n.want("PUT", "/in/a/live.m3u8", strings.NewReader(playlistOf(0, names[:i+1])), 204)
	}
	n.load(both)
	if now := last(); now != before {
		t.Errorf("%s was the last segment, now it is %s", before, now)
	}
	n.want("GET", before, nil, 200)
}
