package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/liveorigin/caddy-live-origin/failover"
)

func init() { caddy.RegisterModule(eventRecorder{}) }

// eventRecorder is an event handler that keeps what it gets.
type eventRecorder struct {
	// Config tells the recorders of two configs apart.
	Config string `json:"config,omitempty"`
}

var recorded struct {
	sync.Mutex
	lines []string
}

func (eventRecorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.recorder", New: func() caddy.Module { return new(eventRecorder) }}
}

func (h *eventRecorder) Handle(ctx context.Context, e caddy.Event) error {
	data, err := json.MarshalIndent(e.Data, "", "  ")
	if err != nil {
		return err
	}
	recorded.Lock()
	defer recorded.Unlock()
	recorded.lines = append(recorded.lines, fmt.Sprintf("%s: %s of %s %s", h.Config, e.Name(), e.Origin().CaddyModule().ID, data))
	return ctx.Err()
}

// recordedOf returns the names of the events that a config's recorder got.
func recordedOf(config string) (names []string) {
	recorded.Lock()
	defer recorded.Unlock()
	for _, line := range recorded.lines {
		if after, ok := strings.CutPrefix(line, config+": "); ok {
			name, _, _ := strings.Cut(after, " ")
			names = append(names, name)
		}
	}
	return names
}

// withRecorder is the whole config of a site, with a recorder for all our events.
func withRecorder(n *node, site, name string) string {
	n.t.Helper()
	var config map[string]any
	if err := json.Unmarshal([]byte(n.config(site)), &config); err != nil {
		n.t.Fatal(err)
	}
	config["apps"].(map[string]any)["events"] = map[string]any{"subscriptions": []any{map[string]any{
		"events": []string{
			eventInputUp, eventInputDown, eventFailover, eventChannelUp, eventChannelDown,
			eventNodeLost, eventNodeBack, eventNodeAlone, eventNodeTogether, eventHistory,
		},
		"modules":  []string{"live_origin"},
		"handlers": []any{map[string]any{"handler": "recorder", "config": name}},
	}}}
	text, err := json.Marshal(config)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

func newRecordingNode(t *testing.T) *node {
	recorded.Lock()
	recorded.lines = nil
	recorded.Unlock()
	return newNode(t)
}

func (n *node) loadRecorded(site, name string) {
	n.t.Helper()
	if err := caddy.Load([]byte(withRecorder(n, site, name)), true); err != nil {
		n.t.Fatal(err)
	}
}

// observerOf returns the observer that the channel has now.
func observerOf(t *testing.T, name string) *channelObserver {
	t.Helper()
	live.changing.Lock()
	defer live.changing.Unlock()
	for _, c := range live.channels {
		if o, ok := c.applied.observer.(*channelObserver); ok && c.key.name == name {
			return o
		}
	}
	t.Fatal("no observer")
	return nil
}

// A real upload comes out as events, also when it is the first thing that happens.
func TestEventsOfAnUpload(t *testing.T) {
	n := newRecordingNode(t)
	n.loadRecorded(site(""), "one")
	n.goOnAir("/in/a", "/live")
	eventually(t, "the events", func() bool {
		got := recordedOf("one")
		return len(got) >= 2 && slices.Equal(got[:2], []string{eventInputUp, eventChannelUp})
	})
}

func TestEventData(t *testing.T) {
	n := newRecordingNode(t)
	n.loadRecorded(site(""), "one")
	o := observerOf(t, "sports")
	at := time.Unix(1_700_000_000, 5e8)
	for _, e := range []failover.Effect{
		failover.InputChanged{Time: at, Input: "a", Up: true, Last: at},
		failover.InputChanged{Time: at, Input: "b", Up: true, Last: at},
		failover.Published{Slot: failover.Slot{Switch: &failover.Switch{Endpoint: "hls", To: "a", Reason: failover.ReasonStart}}},
		failover.Published{Slot: failover.Slot{Switch: &failover.Switch{
			Time: at, Endpoint: "hls", MSN: 1_700_000_007, From: "a", To: "b", Reason: failover.ReasonMissing,
			Missing: []failover.Missing{{Rendition: "v0.m3u8", Segment: "seg7.ts", Why: "not_arrived"}, {Rendition: "v1.m3u8", Why: "not_listed"}},
			Due:     at.Add(-2 * time.Second), Deadline: at.Add(-time.Second), Late: 2 * time.Second,
			Pair: failover.Aligned, PairDetail: "timestamps differ",
		}}},
		failover.InputChanged{Time: at, Input: "a", Reason: "silent", Last: at.Add(-9 * time.Second)},
		failover.InputChanged{Time: at, Input: "b", Reason: "ended", Last: at},
	} {
		o.Event("sports", e)
	}
	recorded.Lock()
	defer recorded.Unlock()
	golden(t, "events.txt", strings.Join(recorded.lines, "\n")+"\n")
}

// Whatever becomes of configs, events are emitted by the one in force.
func TestEventsOverReloads(t *testing.T) {
	n := newRecordingNode(t)
	up := failover.InputChanged{Input: "a", Up: true}
	down := failover.InputChanged{Input: "a", Reason: "silent"}
	n.loadRecorded(site(""), "one")
	first := observerOf(t, "sports")
	first.Event("sports", up)

	n.loadRecorded(site("playlist_window 2m"), "two")
	second := observerOf(t, "sports")
	// What was under way to the old observer is not lost.
	first.Event("sports", down)
	second.Event("sports", up)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rejected := strings.ReplaceAll(withRecorder(n, site("playlist_window 3m"), "rejected"), n.addr, taken.Addr().String())
	for range 6 { // apps start in no order
		if err := caddy.Load([]byte(rejected), true); err == nil {
			t.Fatal("is accepted")
		}
	}
	observerOf(t, "sports").Event("sports", down)

	// The channel goes, and comes back as another one.
	n.load(otherSite)
	second.Event("sports", up)
	n.loadRecorded(site(""), "three")
	third := observerOf(t, "sports")
	third.Event("sports", up)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	third.Event("sports", down)

	whole := []string{eventInputUp, eventChannelUp}
	gone := []string{eventInputDown, eventChannelDown}
	for config, want := range map[string][]string{
		"one":      whole,
		"two":      slices.Concat(gone, whole, gone),
		"rejected": nil,
		"three":    whole,
	} {
		if got := recordedOf(config); !slices.Equal(got, want) {
			t.Errorf("config %s: %v, want %v", config, got, want)
		}
	}
}

// A channel is up as long as one of its configured inputs is.
func TestUpInputs(t *testing.T) {
	u := upInputs{names: map[string]bool{}}
	both, one := []string{"a", "b"}, []string{"a"}
	for i, step := range []struct {
		input      string
		up         bool
		configured []string
		changed    bool
	}{
		{"a", false, both, false},
		{"a", true, both, true},
		{"b", true, both, false},
		{"a", false, both, false},
		{"b", false, both, true},
		{"b", true, both, true},
		{"a", true, both, false},
		{"a", false, one, true}, // b was removed while it was up
		{"b", true, one, false},
	} {
		if got := u.change(failover.InputChanged{Input: step.input, Up: step.up}, step.configured); got != step.changed {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

// Interface guards
var _ caddyevents.Handler = (*eventRecorder)(nil)

// The only input that delivers is taken out of the config: with it the channel goes down.
func TestAChannelGoesDownWithItsLastInput(t *testing.T) {
	n := newRecordingNode(t)
	n.loadRecorded(site(""), "one")
	n.goOnAir("/in/a", "/live")
	eventually(t, "the channel is up", func() bool { return slices.Contains(recordedOf("one"), eventChannelUp) })
	without := ""
	for line := range strings.Lines(site("")) {
		if !strings.Contains(line, "/in/a") {
			without += line
		}
	}
	n.loadRecorded(without, "two")
	eventually(t, "the channel is down", func() bool {
		return slices.Contains(append(recordedOf("one"), recordedOf("two")...), eventChannelDown)
	})
}
