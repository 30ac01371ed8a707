package caddymodule

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// segmentTime is the length of the test material's segments.
const segmentTime = 1920 * time.Millisecond

// withEndpoint is a channel of two inputs and an endpoint with these options.
func withEndpoint(options string) string {
	return "live_origin {\nchannel sports {\ninput a /in/a\ninput b /in/b\nendpoint hls /live {\nsegment_duration 2s\n" +
		options + "\n}\n}\n}"
}

// deliver uploads segment n and a playlist of all from the first one on, as an
// encoder does.
func (o *origin) deliver(input string, n int) {
	o.t.Helper()
	names, media := segments(o.t)
	if w := o.do("PUT", input+"/"+names[n], bytes.NewReader(media[n])); w.Code/100 != 2 {
		o.t.Fatalf("segment: %d %s", w.Code, w.Body)
	}
	if w := o.do("PUT", input+"/live.m3u8", strings.NewReader(playlistOf(0, names[:n+1]))); w.Code/100 != 2 {
		o.t.Fatalf("playlist: %d %s", w.Code, w.Body)
	}
}

// media is the media playlist of the only rendition, empty if there is none.
func (o *origin) media() string {
	o.t.Helper()
	w := o.do("GET", "/live/index.m3u8", nil)
	if w.Code != 200 {
		return ""
	}
	return o.do("GET", "/live/"+uris(w.Body.String())[0], nil).Body.String()
}

// lastInput is the input of the newest segment.
func (o *origin) lastInput() string {
	o.t.Helper()
	list := uris(o.media())
	w := o.do("GET", "/live/"+list[len(list)-1], nil)
	want(o.t, w, 200, "")
	return w.Header().Get("X-Live-Origin-Input")
}

func TestOptionsReachTheRuntime(t *testing.T) {
	for options, want := range map[string]func(*channel.EndpointConfig){
		"":                         func(*channel.EndpointConfig) {},
		"time_delay 10s":           func(c *channel.EndpointConfig) { c.TimeDelay = 10 * time.Second },
		"startover_window 4h":      func(c *channel.EndpointConfig) { c.StartoverWindow = 4 * time.Hour },
		"failover_policy sticky":   func(*channel.EndpointConfig) {},
		"failover_policy prefer b": func(c *channel.EndpointConfig) { c.Prefer, c.PreferAfter = "b", 30*time.Second },
		"failover_policy hitless":  func(c *channel.EndpointConfig) { c.Hitless = true },
		"on_defect switch":         func(*channel.EndpointConfig) {},
		"on_defect silent switch": func(c *channel.EndpointConfig) {
			c.OnDefect = map[failover.Defect]failover.Action{failover.DefectSilent: failover.ActSwitch}
		},
		"on_defect report\non_defect hole off": func(c *channel.EndpointConfig) {
			c.OnDefect = map[failover.Defect]failover.Action{failover.DefectHole: failover.ActOff}
			for _, d := range failover.Defects() {
				if d.DefaultAction() == failover.ActSwitch && d != failover.DefectHole {
					c.OnDefect[d] = failover.ActReport
				}
			}
		},
		"on_input_loss gap":    func(c *channel.EndpointConfig) { c.OnInputLoss = output.Gap },
		"on_input_loss error":  func(c *channel.EndpointConfig) { c.OnInputLoss = output.Fail },
		"manifest_name master": func(c *channel.EndpointConfig) { c.ManifestName = "master" },
		"failover_grace 500ms": func(c *channel.EndpointConfig) { c.FailoverGrace = 500 * time.Millisecond },
		"playlist_window 10s":  func(c *channel.EndpointConfig) { c.PlaylistWindow = 10 * time.Second },
		"failover_policy prefer a after 5m": func(c *channel.EndpointConfig) {
			c.Prefer, c.PreferAfter = "a", 5*time.Minute
		},
	} {
		config := channel.EndpointConfig{
			Name: "hls", SegmentDuration: 2 * time.Second,
			Config: output.Config{PlaylistWindow: time.Minute, OnInputLoss: output.Hold, ManifestName: "index"},
		}
		want(&config)
		o, err := tryOrigin(t, withEndpoint(options))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.app.channels[0].config.Endpoints[0]; !reflect.DeepEqual(got, config) {
			t.Errorf("%q: %+v, want %+v", options, got, config)
		}
	}
}

// By default, the grace is half of the segment that comes out, whatever was asked for.
func TestDefaultGrace(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, strings.Replace(withEndpoint(""), "segment_duration 2s", "segment_duration 1s", 1))
		for n := range 6 {
			time.Sleep(segmentTime)
			if n < 5 {
				o.deliver("/in/a", n)
			}
			o.deliver("/in/b", n)
		}
		for _, step := range []struct {
			wait time.Duration
			on   string
		}{{segmentTime/2 - 100*time.Millisecond, "a"}, {200 * time.Millisecond, "b"}} {
			time.Sleep(step.wait)
			synctest.Wait()
			if got := o.lastInput(); got != step.on {
				t.Errorf("the newest segment is of %s, want %s", got, step.on)
			}
		}
	})
}

func TestTimeDelay(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint("time_delay 10s"))
		for n := range 6 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
			if o.media() != "" {
				t.Errorf("something is to be seen after %d segments", n+1)
			}
		}
		time.Sleep(time.Minute)
		if listed := len(uris(o.media())); listed != 6 {
			t.Errorf("%d segments are listed in the end", listed)
		}
	})
}

func TestFailoverPolicy(t *testing.T) {
	segments(t)
	for policy, want := range map[string]string{"sticky": "b", "prefer a after 4s": "a", "prefer a after 1h": "b"} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, withEndpoint("failover_policy "+policy))
				for n := range 8 {
					time.Sleep(segmentTime)
					if n != 2 {
						o.deliver("/in/a", n)
					}
					o.deliver("/in/b", n)
					synctest.Wait()
					if n == 3 && o.lastInput() != "b" {
						t.Error("no failover")
					}
				}
				time.Sleep(4 * time.Second)
				if got := o.lastInput(); got != want {
					t.Errorf("in the end on %s, want %s", got, want)
				}
			})
		})
	}
}

func TestOnInputLoss(t *testing.T) {
	segments(t)
	for loss, want := range map[string]struct {
		status int
		gaps   bool
	}{"hold": {200, false}, "gap": {200, true}, "error": {404, false}} {
		t.Run(loss, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, withEndpoint("on_input_loss "+loss))
				for n := range 4 {
					time.Sleep(segmentTime)
					o.deliver("/in/a", n)
				}
				time.Sleep(20 * time.Second)
				w := o.do("GET", "/live/index.m3u8", nil)
				if w.Code != want.status {
					t.Errorf("status %d, want %d", w.Code, want.status)
				}
				if gaps := strings.Contains(o.media(), "#EXT-X-GAP"); gaps != want.gaps {
					t.Errorf("gaps: %v", gaps)
				}
				o.deliver("/in/a", 4)
				if o.media() == "" {
					t.Error("not available after recovery")
				}
			})
		})
	}
}

// A list that is put together from several snippets may name them more than once.
func TestPrivateRangesMayBeGivenTwice(t *testing.T) {
	for _, lines := range []string{"allow private_ranges private_ranges", "allow private_ranges\nallow 192.0.2.1 private_ranges"} {
		if _, err := tryOrigin(t, withInput(lines)); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	}
}
