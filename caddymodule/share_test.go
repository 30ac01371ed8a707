package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// held is what the channels of the process hold, by name.
func held() map[string]int64 {
	sizes := map[string]int64{}
	live.eachChannel(func(c *sharedChannel) { sizes[c.key.name] = c.channel.Held() })
	return sizes
}

// Uploads that are announced and never sent cost nobody a startover window.
func TestAnnouncedUploadsEvictNothing(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o, _ := fill(t, 8192, "/in/archive", "/in/live")
		before := held()["archive"]
		var wg sync.WaitGroup
		var bodies []*io.PipeWriter
		for i := range 32 {
			body, w := io.Pipe()
			bodies = append(bodies, w)
			wg.Go(func() {
				r := httptest.NewRequest("PUT", fmt.Sprintf("/in/live/idle%d.ts", i), body)
				r.ContentLength = []int64{-1, 60 << 20}[i%2]
				w := httptest.NewRecorder()
				_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler)
			})
		}
		synctest.Wait()
		names, media := segments(t)
		want(t, o.do("PUT", "/in/live/"+names[0], bytes.NewReader(media[0])), 201, "")
		if after := held()["archive"]; after < before {
			t.Errorf("the archive holds %d bytes of %d", after, before)
		}
		for _, b := range bodies {
			b.CloseWithError(io.ErrUnexpectedEOF)
		}
		wg.Wait()
	})
}

const sharedStoreOfTwo = `live_origin {
	store memory {
		capacity 8MiB
	}
	channel greedy {
		input a /in/greedy {
			max_segment_size 4MiB
		}
		endpoint hls /greedy {
			segment_duration 2s
		}
	}
	channel modest {
		%s
		input a /in/modest
		endpoint hls /modest {
			segment_duration 2s
			playlist_window 6s
		}
	}
}`

// What one channel brings and no playlist lists takes nothing from another one, and not
// all from its own other input; and it has an end.
func TestAChannelHasItsShare(t *testing.T) {
	names, media := segments(t)
	for capacity, share := range map[string]int64{"": 4 << 20, "capacity 6MiB": 6 << 20} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrigin(t, fmt.Sprintf(sharedStoreOfTwo, capacity))
			want(t, o.do("PUT", "/in/modest/first.ts", bytes.NewReader(media[0])), 201, "")
			time.Sleep(2 * sharesFor)
			big := bytes.Join(media[:8], nil)
			for i := range 60 {
				o.do("PUT", fmt.Sprintf("/in/greedy/%d.ts", i), bytes.NewReader(big))
				if h := held()["greedy"]; h > 8<<20-share+maxRoomStep {
					t.Fatalf("one channel holds %d bytes, where another one is guaranteed %d of 8 MiB", h, share)
				}
			}
			for i, n := 0, int64(0); n < share/2; i++ {
				w := o.do("PUT", fmt.Sprintf("/in/modest/%d-%s", i, names[i%8]), bytes.NewReader(media[i%8]))
				if w.Code != 201 {
					t.Fatalf("after %d bytes: %d %s", n, w.Code, w.Body)
				}
				n += int64(len(media[i%8]))
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if h := held(); h["greedy"] != 0 || h["modest"] != 0 {
				t.Errorf("what nobody listed is still there: %v", h)
			}
		})
	}
}

// What a channel lists for its viewers can't be given up for another channel. It may grow no further than leaves the
// share of others that are on air.
func TestALongPlaylistLeavesOthersTheirShare(t *testing.T) {
	_, media := segments(t)
	synctest.Test(t, func(t *testing.T) {
		const capacity, share = 8 << 20, 4 << 20
		block := strings.Replace(fmt.Sprintf(sharedStoreOfTwo, ""), "segment_duration 2s", "segment_duration 2s\nplaylist_window 1h", 1)
		o := newOrigin(t, block)
		want(t, o.do("PUT", "/in/modest/first.ts", bytes.NewReader(media[0])), 201, "")
		time.Sleep(2 * sharesFor)
		refused := o.pushFor(2*capacity/len(media[0]), func() {
			if h := held()["greedy"]; h > capacity-share+maxRoomStep {
				t.Fatalf("a playlist takes %d bytes, where another channel is guaranteed %d of 8 MiB", h, share)
			}
		}, "/in/greedy")
		if refused == 0 {
			t.Error("nothing was refused")
		}
		if refused := o.pushFor(20, func() {}, "/in/modest"); refused > 0 {
			t.Errorf("%d of 20 segments of the other channel were refused", refused)
		}
	})
}

func TestCapacitiesFitTheStore(t *testing.T) {
	block := strings.Replace(fmt.Sprintf(sharedStoreOfTwo, "capacity 6MiB"), "input a /in/greedy", "capacity 3MiB\ninput a /in/greedy", 1)
	if _, err := tryOrigin(t, block); err == nil || !strings.Contains(err.Error(), "the channels are guaranteed 9.0 MiB of the store, which has 8.0 MiB") {
		t.Errorf("error is %v", err)
	}
}

// Channels of several handlers, such as those of two sites, share a store.
func TestCapacitiesOfSeveralHandlers(t *testing.T) {
	site := func(port, store, channel, capacity string) string {
		return fmt.Sprintf(":%s {\nlive_origin {\n%s\nchannel %s {\n%s\ninput a /in\nendpoint hls /live\n}\n}\n}\n", port, store, channel, capacity)
	}
	const natsStore = "store nats nats://127.0.0.1:4222"
	const tooMuch = "the channels are guaranteed 2.9 GiB of the store, which has 2.0 GiB"
	for name, c := range map[string]struct {
		sites []string
		want  string
	}{
		"too much":           {[]string{site("80", "", "one", "capacity 1500MiB"), site("81", "", "two", "capacity 1500MiB")}, tooMuch},
		"enough":             {[]string{site("80", "", "one", "capacity 1GiB"), site("81", "", "two", "capacity 1GiB")}, ""},
		"nothing left":       {[]string{site("80", "", "one", "capacity 2GiB"), site("81", "", "two", "")}, "guaranteed 2.0 GiB of the store, which has 2.0 GiB: that leaves nothing for two"},
		"nearly nothing":     {[]string{site("80", "", "two", ""), site("81", "", "one", "capacity 2097151KiB")}, "that leaves nothing for two"},
		"a little too much":  {[]string{site("80", "", "one", "capacity 2GiB"), site("81", "", "two", "capacity 1MiB")}, "which has 2.0 GiB: 1.0 MiB too much"},
		"without a share":    {[]string{site("80", "", "one", "capacity 1500MiB"), site("81", "", "two", "")}, ""},
		"the same channel":   {[]string{site("80", "", "one", "capacity 1500MiB"), site("81", "", "one", "capacity 1500MiB")}, ""},
		"a store for each":   {[]string{site("80", "", "one", "capacity 1500MiB"), site("81", "store file "+t.TempDir(), "two", "capacity 1500MiB")}, ""},
		"without a limit":    {[]string{site("80", "store file /x", "one", "capacity 1TiB"), site("81", "store file /x", "two", "capacity 1TiB")}, ""},
		"on several nodes":   {[]string{site("80", natsStore, "one", "capacity 1500MiB"), site("81", natsStore, "two", "capacity 1500MiB")}, tooMuch},
		"with a local limit": {[]string{site("80", "store nats nats://127.0.0.1:4222 {\nlocal memory {\ncapacity 3GiB\n}\n}", "one", "capacity 3000MiB")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			const global = "{\nauto_https off\nlog {\noutput discard\n}\n}\n"
			// In a Caddyfile, the line is known.
			_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(global+strings.Join(c.sites, "")), nil)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "at Caddyfile:")) {
				t.Errorf("Caddyfile: %v", err)
			}
			var servers []string
			for i, site := range c.sites {
				var one struct {
					Apps struct {
						HTTP struct{ Servers map[string]json.RawMessage }
					}
				}
				if err := json.Unmarshal([]byte(adaptLoose(t, global+site)), &one); err != nil {
					t.Fatal(err)
				}
				for _, server := range one.Apps.HTTP.Servers {
					servers = append(servers, fmt.Sprintf(`"s%d":%s`, i, server))
				}
			}
			validate(t, `{"logging":{"logs":{"default":{"writer":{"output":"discard"}}}},"apps":{"http":{"servers":{`+strings.Join(servers, ",")+`}}}}`, c.want)
		})
	}
}

// What the store can't hold is refused, unless it is a default.
func TestSegmentsFitTheStore(t *testing.T) {
	for limit, want := range map[string]string{
		"":                        "",
		"max_segment_size 16MiB":  "",
		"max_segment_size 17MiB":  "channel sports, input a: max_segment_size: must be at most the store's 16 MiB, but is 17 MiB",
		"max_segment_size 64MiB":  "must be at most the store's 16 MiB, but is 64 MiB",
		"max_playlist_size 64MiB": "",
	} {
		_, err := tryOrigin(t, strings.Replace(withInput(limit), "{", "{\nstore memory {\ncapacity 16MiB\n}", 1))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", limit, err)
		}
	}
}

// What one input brings and no playlist lists goes when the other input of the channel
// needs the room.
func TestAnInputLeavesRoomForTheOther(t *testing.T) {
	_, media := segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, `live_origin {
	store memory {
		capacity 8MiB
	}
	channel sports {
		capacity 2MiB
		input a /in/a
		input b /in/b
		endpoint hls /live
	}
	channel news {
		capacity 6MiB
		input a /in/news
		endpoint hls /news
	}
}`)
		want(t, o.do("PUT", "/in/news/first.ts", bytes.NewReader(media[0])), 201, "")
		time.Sleep(2 * sharesFor)
		for i := range 60 {
			o.do("PUT", fmt.Sprintf("/in/a/%d.ts", i), bytes.NewReader(media[0]))
		}
		for i := range 4 {
			want(t, o.do("PUT", fmt.Sprintf("/in/b/%d.ts", i), bytes.NewReader(media[i])), 201, "")
		}
		// What that one holds itself, which is little, stays.
		for i := range 4 {
			want(t, o.do("GET", fmt.Sprintf("/in/b/%d.ts", i), nil), 200, "")
		}
	})
}

// padded is a segment with empty packets behind it.
func padded(segment []byte, size int) []byte {
	empty := append([]byte{0x47, 0x1f, 0xff, 0x10}, bytes.Repeat([]byte{0xff}, 184)...)
	return append(bytes.Clone(segment), bytes.Repeat(empty, max(0, size-len(segment))/len(empty))...)
}

// What one input sends ahead of its time, in segments that a playlist lists, takes neither
// the room of the channel's other input nor what viewers can still fetch.
func TestMediaAheadLeavesRoomForTheOther(t *testing.T) {
	names, media := testmedia.Segments(t, "60")
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, `live_origin {
	store memory {
		capacity 8MiB
	}
	channel sports {
		input a /in/a
		input b /in/b
		endpoint hls /live {
			segment_duration 2s
			playlist_window 6s
			startover_window 1h
		}
	}
}`)
		deliver := func(input string, first, n int, segment []byte) int {
			code := o.do("PUT", input+"/"+names[n], bytes.NewReader(segment)).Code
			o.do("PUT", input+"/live.m3u8", strings.NewReader(playlistOf(first, names[first:n+1])))
			return code
		}
		const ahead = 16
		for n := range ahead {
			if code := deliver("/in/b", 0, n, media[n]); code != 201 {
				t.Fatalf("before that, %d is answered with %d", n, code)
			}
			time.Sleep(1920 * time.Millisecond)
		}
		channel := o.handler.routes["/live"].use.shared.channel
		oldest, spare := channel.Spare()
		refused := 0
		for n := ahead; n < len(names); n++ {
			if deliver("/in/a", ahead, n, padded(media[n], 1<<20)) == 507 {
				refused++
			}
		}
		if refused == 0 {
			t.Error("all that is ahead of time is taken")
		}
		if now, still := channel.Spare(); !spare || !still || now.After(oldest) {
			t.Error("the startover window is gone")
		}
		for n := ahead; n < ahead+4; n++ {
			if code := deliver("/in/b", 0, n, media[n]); code != 201 {
				t.Errorf("of the other input, %d is answered with %d", n, code)
			}
			time.Sleep(1920 * time.Millisecond)
		}
	})
}
