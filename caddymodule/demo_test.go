package caddymodule

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/demo"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// inProcess lets encoders push to an origin without a socket.
type inProcess struct{ *origin }

func (o inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header, in.ContentLength = r.Header, r.ContentLength
	if err := o.handler.ServeHTTP(w, o.prepare(w, in), nextHandler); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// demoRun is the demo in synthetic time.
type demoRun struct {
	*origin
	a, b *demo.Encoder
}

func runDemoEncoders(t *testing.T) *demoRun {
	t.Helper()
	o := newOrigin(t, `live_origin {
		channel demo {
			input a /in/demo/a {
				bearer secret
			}
			input b /in/demo/b {
				bearer secret
			}
			endpoint fast /fast/demo {
				segment_duration 2s
				on_defect frozen switch
			}
			endpoint hls /live/demo {
				segment_duration 6s
				on_defect frozen switch
			}
		}
	}`)
	run := &demoRun{origin: o}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for name, e := range map[string]**demo.Encoder{"a": &run.a, "b": &run.b} {
		options := demo.Options{Name: name, Target: "http://origin/in/demo/" + name, Token: "secret", Transport: inProcess{o}}
		if name == "b" {
			options.Lateness = 150 * time.Millisecond
		}
		var err error
		if *e, err = demo.NewEncoder(options); err != nil {
			t.Fatal(err)
		}
		running.Go(func() { (*e).Run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return run
}

// switches are the changes of an endpoint's active input so far.
func (d *demoRun) switches(endpoint string) (list []failover.Switch) {
	d.t.Helper()
	for _, sw := range d.app.channels[0].shared.channel.Decisions() {
		if sw.Endpoint == endpoint && sw.From != "" {
			list = append(list, sw)
		}
	}
	return list
}

// checkViewers checks that what the endpoint lists is one unbroken stream.
func (d *demoRun) checkViewers(endpoint string) {
	d.t.Helper()
	variant := endpoint + "/" + uris(d.do("GET", endpoint+"/index.m3u8", nil).Body.String())[0]
	playlist := d.do("GET", variant, nil).Body.String()
	if strings.Contains(playlist, "#EXT-X-DISCONTINUITY\n") || strings.Contains(playlist, "EXT-X-GAP") {
		d.t.Errorf("%s: viewers notice it: %s", endpoint, playlist)
	}
	var all bytes.Buffer
	for _, uri := range uris(playlist) {
		w := d.do("GET", path.Dir(variant)+"/"+uri, nil)
		if w.Code != http.StatusOK {
			d.t.Fatalf("%s: %d", uri, w.Code)
		}
		all.Write(w.Body.Bytes())
	}
	p := media.NewProber()
	_, _ = io.Copy(p, &all)
	probed, err := p.Finish()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, track := range probed.Info.Tracks {
		if track.Measure.StepBack > 0 || track.Kind == media.Video && track.MaxStep != media.ClockRate/25 {
			d.t.Errorf("%s: %+v", endpoint, track)
		}
	}
	if probed.Info.CounterErrors > 0 {
		d.t.Errorf("%s: %d jumps of continuity counters", endpoint, probed.Info.CounterErrors)
	}
}

// What the demo shows: whatever happens to the encoder on air, viewers notice
// nothing of it, and the reason of every switch is told.
func TestDemo(t *testing.T) {
	for _, test := range []struct {
		action demo.Action
		reason failover.Reason
		// calm tells that the endpoint with long segments stays where it is.
		calm bool
	}{
		{demo.Kill, failover.ReasonMissing, false},
		{demo.Stop, failover.ReasonMissing, true},
		{demo.Drop, failover.ReasonMissing, false},
		{demo.Corrupt, failover.Reason(media.ReasonTruncated), false},
		{demo.Hole, failover.Reason(failover.DefectHole), false},
		{demo.Mute, failover.Reason(failover.DefectTrackGone), false},
		{demo.Freeze, failover.Reason(failover.DefectFrozen), false},
	} {
		t.Run(string(test.action), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := runDemoEncoders(t)
				time.Sleep(31*time.Second + 500*time.Millisecond)
				if len(d.switches("fast"))+len(d.switches("hls")) > 0 {
					t.Fatalf("switches before anything happened: %+v", d.switches("fast"))
				}
				if err := d.a.Do(test.action); err != nil {
					t.Fatal(err)
				}
				time.Sleep(25 * time.Second)
				for _, endpoint := range []string{"fast", "hls"} {
					list := d.switches(endpoint)
					if test.calm && endpoint == "hls" {
						if len(list) > 0 {
							t.Errorf("%s: %+v", endpoint, list)
						}
						continue
					}
					if len(list) != 1 || list[0].From != "a" || list[0].To != "b" || list[0].Reason != test.reason || !list[0].Seamless {
						t.Errorf("%s: %+v, want one switch with reason %s", endpoint, list, test.reason)
					}
				}
				d.checkViewers("/fast/demo")
				d.checkViewers("/live/demo")
			})
		})
	}
}

// A revived encoder is locked again, so that the other one may die.
func TestDemoRevive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := runDemoEncoders(t)
		time.Sleep(21 * time.Second)
		for _, step := range []struct {
			encoder *demo.Encoder
			action  demo.Action
		}{{d.a, demo.Kill}, {d.a, demo.Revive}, {d.b, demo.Kill}} {
			if err := step.encoder.Do(step.action); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
		}
		list := d.switches("fast")
		if len(list) != 2 || list[1].From != "b" || list[1].To != "a" || !list[0].Seamless || !list[1].Seamless {
			t.Errorf("switches: %+v", list)
		}
		d.checkViewers("/fast/demo")
		d.checkViewers("/live/demo")
	})
}
