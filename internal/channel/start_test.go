package channel

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
	filestore "github.com/liveorigin/caddy-live-origin/store/file"
)

// startOf opens a channel on a directory, which begins when it is told to, until the store is
// closed under it.
func startOf(t *testing.T, dir string, endpoint EndpointConfig, tracer Tracer, run func(c *Channel)) {
	t.Helper()
	startWith(t, dir, testConfig(endpoint), tracer, run)
}

func startWith(t *testing.T, dir string, config Config, tracer Tracer, run func(c *Channel)) {
	t.Helper()
	st, err := filestore.Open(filestore.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c, err := Prepare(t.Context(), config, st, tracer)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run(c)
}

// An endpoint that leaves renditions out changes nothing about when media came: its inputs have
// the rhythm that they had.
func TestARestartKnowsWhenMediaCame(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		endpoint := shortEndpoint()
		endpoint.TimeDelay, endpoint.Limits.MaxBitrate = 8*time.Second, 1_000_000
		master := []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\nlive.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=4000000\nhigh.m3u8\n")
		lateness := func(c *Channel) [2]time.Duration {
			inputs := c.Status().Inputs
			return [2]time.Duration{inputs[0].Lateness, inputs[1].Lateness}
		}
		var before [2]time.Duration
		lifeOf(t, dir, endpoint, func(c *Channel) {
			a := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			b := &encoder{t: t, c: c, input: "b", names: names, media: segments}
			upload(t, c, "a", "master.m3u8", master)
			for n := range 8 {
				time.Sleep(segmentTime - 300*time.Millisecond)
				a.deliver(n)
				time.Sleep(300 * time.Millisecond)
				b.deliver(n)
			}
			before = lateness(c)
		})
		time.Sleep(3 * time.Second)
		lifeOf(t, dir, endpoint, func(c *Channel) {
			if after := lateness(c); after != before || after[0] == after[1] {
				t.Errorf("media is %s late, and was %s late before the restart", after, before)
			}
		})
	})
}

// What a process decides when it starts, from what the one before had taken, is told, and what that
// one has told is not told again.
func TestWhatAStartDecidesIsTold(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		endpoint := shortEndpoint()
		endpoint.TimeDelay = 8 * time.Second
		lifeOf(t, dir, endpoint, func(c *Channel) {
			e := &encoder{t: t, c: c, input: "a", names: names, media: segments}
			for n := range 8 {
				time.Sleep(segmentTime)
				e.deliver(n)
			}
		})
		time.Sleep(3 * time.Second)
		startOf(t, dir, endpoint, nil, func(c *Channel) {
			synctest.Wait()
			r := &recorder{}
			c.Observe(r)
			c.Begin()
			synctest.Wait()
			published := 0
			for _, e := range r.events {
				switch e.(type) {
				case failover.Published:
					published++
				default:
					t.Errorf("told again: %T %+v", e, e)
				}
			}
			if published == 0 {
				t.Error("the slots that were due while no process was there were not told")
			}
		})
	})
}

// A process with many channels takes a while until it can be sent to. That is no time in which
// encoders are late: half a segment, that the process has from before, waits for the whole one.
func TestTheStartOfAProcessIsNobodysDelay(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := &encoder{t: t, input: "a", names: names, media: segments}
		b := &encoder{t: t, input: "b", names: names, media: segments}
		life(t, dir, func(c *Channel) {
			a.c, b.c = c, c
			for n := range 6 {
				time.Sleep(segmentTime)
				a.deliver(n)
				b.deliver(n)
			}
			time.Sleep(segmentTime)
			half := len(segments[6]) / 2
			a.media = slices.Clone(segments)
			a.media[6] = segments[6][:half-half%188]
			a.deliver(6)
		})
		startOf(t, dir, shortEndpoint(), nil, func(c *Channel) {
			time.Sleep(5 * time.Second)
			c.Begin()
			time.Sleep(100 * time.Millisecond)
			b.c = c
			for n := 6; n < 9; n++ {
				b.deliver(n)
			}
			synctest.Wait()
			p := playlist(t, c.View("hls"))
			for i, s := range p.Segments {
				if n := 9 - len(p.Segments) + i; s.Discontinuity || !bytes.Equal(fetch(t, c.View("hls"), s.URI), segments[n]) {
					t.Errorf("segment %d is not what was sent: %+v", n, s)
				}
			}
		})
	})
}

// The trace of a process begins with what it has from the one before, so that what it makes of that
// can be replayed: what was due while no process was there, and a half segment that waits for the
// whole one.
func TestATraceHoldsWhatAStartRecalls(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	for _, delay := range []time.Duration{0, 3 * time.Second, 8 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				endpoint := shortEndpoint()
				endpoint.TimeDelay = delay
				a := &encoder{t: t, input: "a", names: names, media: slices.Clone(segments)}
				b := &encoder{t: t, input: "b", names: names, media: segments}
				lifeOf(t, dir, endpoint, func(c *Channel) {
					a.c, b.c = c, c
					for n := range 8 {
						time.Sleep(segmentTime - 200*time.Millisecond)
						a.deliver(n)
						time.Sleep(200 * time.Millisecond)
						b.deliver(n)
					}
					half := len(segments[8]) / 2
					a.media[8] = segments[8][:half-half%188]
					a.deliver(8)
				})
				time.Sleep(3 * time.Second)
				began := time.Now()
				trace := &traceLines{}
				startOf(t, dir, endpoint, trace, func(c *Channel) {
					time.Sleep(2 * time.Second)
					c.Begin()
					a.c, b.c = c, c
					for n := 8; n < 11; n++ {
						time.Sleep(segmentTime)
						b.deliver(n)
						a.deliver(n)
					}
					time.Sleep(delay)
					synctest.Wait()
				})
				was, now := trace.replayed(t)
				if len(was) < 3 || !slices.Equal(was, now) {
					t.Errorf("recorded\n%s\nreplayed\n%s", was, now)
				}
				recalled := slices.ContainsFunc(trace.lines, func(text []byte) bool {
					var r failover.Record
					return json.Unmarshal(text, &r) == nil && r.Object != nil && r.Time.Before(began)
				})
				if !recalled {
					t.Error("nothing is from the process before")
				}
			})
		})
	}
}

// A slot is due, but before the channel looks for it the operator changes the config, or the wall
// clock is set: a replay decides it on the same fact.
func TestAReplayDecidesOnTheSameFact(t *testing.T) {
	names, segments := testmedia.Segments(t, "24")
	const both = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\nlive.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2000000\nhigh.m3u8\n"
	for name, meanwhile := range map[string]func(c *Channel, high *encoder){
		"the rendition that is late is not served any more": func(c *Channel, _ *encoder) {
			config := c.config
			config.Endpoints = slices.Clone(config.Endpoints)
			config.Endpoints[0].MaxBitrate = 1_000_000
			if err := c.Configure(config); err != nil {
				t.Fatal(err)
			}
		},
		"what is late comes just after the wall clock was set": func(c *Channel, high *encoder) {
			c.clock.ahead -= time.Minute
			if err := high.put(high.names[5], segments[5]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trace := &traceLines{}
				startOf(t, t.TempDir(), shortEndpoint(), trace, func(c *Channel) {
					c.Begin()
					var encoders []*encoder
					for _, input := range []string{"a", "b"} {
						e := &encoder{t: t, c: c, input: input, names: names, media: segments}
						high := &encoder{t: t, c: c, input: input, media: segments, playlist: "high.m3u8"}
						for _, name := range names {
							high.names = append(high.names, "high"+name)
						}
						encoders = append(encoders, e, high)
						if err := e.put("index.m3u8", []byte(both)); err != nil {
							t.Fatal(err)
						}
					}
					for n := range 6 {
						time.Sleep(segmentTime)
						for i, e := range encoders {
							if n == 5 && i == 1 {
								e.announce(n)
								continue
							}
							e.deliver(n)
						}
					}
					c.timer.Stop() // the machine stands still as a's time is over
					time.Sleep(segmentTime)
					meanwhile(c, encoders[1])
					time.Sleep(time.Minute)
					synctest.Wait()
				})
				was, now := trace.replayed(t)
				if len(was) < 6 || !slices.Equal(was, now) {
					t.Errorf("recorded\n%s\nreplayed\n%s", strings.Join(was, "\n"), strings.Join(now, "\n"))
				}
			})
		})
	}
}
