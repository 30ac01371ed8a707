package caddymodule

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// loadWithAdmin loads a site with an admin API and returns the API's address.
func (n *node) loadWithAdmin(site string) string {
	n.t.Helper()
	addr := freePort(n.t)
	config := strings.Replace(n.config(site), `"disabled":true`, `"listen":"`+addr+`"`, 1)
	if err := caddy.Load([]byte(config), true); err != nil {
		n.t.Fatal(err)
	}
	// Caddy has an admin server until a config without one comes.
	n.t.Cleanup(func() { n.load(otherSite) })
	return addr
}

// ask sends a request to the admin API.
func (n *node) ask(addr, method, path, body string, status int) (string, http.Header) {
	n.t.Helper()
	var text string
	var header http.Header
	got := 0
	// The admin server may not be listening yet.
	eventually(n.t, "an answer of the admin API", func() bool {
		r, err := http.NewRequest(method, "http://"+addr+path, strings.NewReader(body))
		if err != nil {
			n.t.Fatal(err)
		}
		resp, err := n.client.Do(r)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		got, text, header = resp.StatusCode, string(all), resp.Header
		return err == nil
	})
	if got != status {
		n.t.Errorf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	return text, header
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// sampleStatus has something in every field.
func sampleStatus() (failover.Status, []failover.Switch) {
	at := time.Unix(1_700_000_000, 5e8)
	sw := failover.Switch{
		Time: at, Endpoint: "hls", MSN: 1_699_999_990, From: "a", To: "b", Reason: failover.ReasonMissing,
		Missing: []failover.Missing{{Rendition: "v0.m3u8", Segment: "seg7.ts", Why: "not_arrived"}, {Rendition: "v1.m3u8", Why: "not_listed"}},
		Due:     at.Add(-3 * time.Second), Deadline: at.Add(-time.Second), Late: 3 * time.Second,
		Seamless: true, Pair: failover.Locked, PairDetail: "only a has v2.m3u8",
	}
	return failover.Status{
		Inputs: []failover.InputStatus{
			{
				Name: "a", LastSegment: at.Add(-14 * time.Second), Lateness: 350 * time.Millisecond, Generation: 2, Basis: failover.AlignTimestamp,
				Bitrate: 412_345, Faults: map[failover.Reason]uint64{"truncated": 2, "not_arrived": 1, "new words": 1},
				Renditions: []failover.RenditionStatus{{Path: "v0.m3u8", SegmentDuration: 2 * time.Second, Bitrate: 412_345, Listed: true}, {Path: "v2.m3u8"}},
			},
			{Name: "b", Up: true, LastSegment: at.Add(-time.Second), Lateness: time.Second, Whole: 250 * time.Second, Generation: 1, Basis: failover.AlignTimestamp, Bitrate: 5_400_000},
			{Name: "c", Ended: true},
		},
		Pairs: []failover.PairStatus{
			{A: "a", B: "b", State: failover.Locked},
			{A: "a", B: "c", State: failover.Aligned, Detail: "timestamps differ", Offset: 1500 * time.Millisecond, Drift: -250 * time.Millisecond},
		},
		Endpoints: []failover.EndpointStatus{
			{Name: "fast"},
			{Name: "hls", Active: "b", Ordered: "a", Pinned: true, NextMSN: 1_700_000_000, End: at, Slots: 4321, Discontinuities: 1, TargetDuration: 6, LastSwitch: &sw},
		},
	}, []failover.Switch{{Time: at.Add(-time.Hour), Endpoint: "hls", MSN: 1_699_990_000, To: "a", Reason: failover.ReasonStart}, sw}
}

func TestAdminJSON(t *testing.T) {
	s, decisions := sampleStatus()
	status := statusOfChannel(channelKey{store: "memory", name: "sports"}, s)
	for _, d := range decisions {
		status.Decisions = append(status.Decisions, decisionOf(d))
	}
	text, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "admin_channel.json", string(text)+"\n")
}

func TestAdminAPI(t *testing.T) {
	n := newNode(t)
	addr := n.loadWithAdmin(site(""))
	n.goOnAir("/in/a", "/live")

	text, header := n.ask(addr, "GET", "/live_origin/channels", "", 200)
	wantHeader(t, header, "Content-Type", "application/json")
	list := decode[[]channelStatus](t, text)
	if len(list) != 1 || list[0].Name != "sports" || list[0].Store != "memory" || len(list[0].Inputs) != 2 || list[0].Decisions != nil {
		t.Errorf("channels: %s", text)
	}
	text, _ = n.ask(addr, "GET", "/live_origin/channels/sports", "", 200)
	one := decode[channelStatus](t, text)
	n.ask(addr, "GET", "/live_origin/channels/sports?decisions=x", "", 400)
	none, _ := n.ask(addr, "GET", "/live_origin/channels/sports?decisions=0", "", 200)
	if d := decode[channelStatus](t, none).Decisions; len(d) != 0 {
		t.Errorf("%d decisions, and none was asked for", len(d))
	}
	if in := one.Inputs[0]; in.Bitrate < 10_000 || in.Renditions[0].Bitrate != in.Bitrate || one.Endpoints[0].Slots == 0 {
		t.Errorf("rates and counts: %s", text)
	}
	if len(one.Decisions) != 1 || one.Decisions[0].Reason != "start" || one.Endpoints[0].Active != "a" {
		t.Errorf("channel: %s", text)
	}

	const hls = "/live_origin/channels/sports/endpoints/hls/switch"
	text, _ = n.ask(addr, "POST", hls, `{"input":"b","pin":true}`, 202)
	if e := decode[endpointStatus](t, text); e.Ordered != "b" || !e.Pinned {
		t.Errorf("order: %s", text)
	}
	text, _ = n.ask(addr, "DELETE", hls, "", 200)
	if e := decode[endpointStatus](t, text); e.Ordered != "" || e.Pinned {
		t.Errorf("unpin: %s", text)
	}

	for _, c := range []struct {
		method, path, body string
		status             int
		text, allow        string
	}{
		{"POST", "/live_origin/channels", "", 405, "only GET, HEAD", "GET, HEAD"},
		{"DELETE", "/live_origin/channels/sports", "", 405, "only GET, HEAD", "GET, HEAD"},
		{"GET", hls, "", 405, "only POST, DELETE", "POST, DELETE"},
		{"GET", "/live_origin/channels?store=file:/x", "", 404, `store \"file:/x\" has no channels`, ""},
		{"GET", "/live_origin/chanels", "", 404, "there is nothing at /live_origin/chanels; there are", ""},
		{"GET", "/live_origin/channels/sports/", "", 404, "without a slash at the end", ""},
		{"GET", "/live_origin/channels/news", "", 404, `there is no channel \"news\"`, ""},
		{"GET", "/live_origin/channels/sports?store=file:/x", "", 404, `store \"file:/x\" has no channel \"sports\"`, ""},
		{"POST", "/live_origin/channels/sports/endpoints/other/switch", `{"input":"b"}`, 404, `no endpoint \"other\"`, ""},
		{"DELETE", "/live_origin/channels/sports/endpoints/other/switch", "", 404, `no endpoint \"other\"`, ""},
		{"POST", hls, `{"input":"c"}`, 404, `no input \"c\"`, ""},
		{"POST", hls, `{}`, 400, "input is required", ""},
		{"POST", hls, `b`, 400, "the body must be like", ""},
		{"POST", hls, `{"input":"b","pinned":true}`, 400, "unknown field", ""},
		{"POST", hls, `{"input":"b"}{"input":"a"}`, 400, "something follows it", ""},
		{"POST", hls, `{"input":"b"}}`, 400, "something follows it", ""},
		{"POST", hls, `{"input":"b"}` + strings.Repeat(" ", maxOrderSize), 400, "something follows it", ""},
		{"POST", hls, `{"input":"` + strings.Repeat("b", maxOrderSize) + `"}`, 400, "the body must be like", ""},
		{"GET", "/live_origin/channels/sports/x", "", 404, "", ""},
	} {
		text, header := n.ask(addr, c.method, c.path, c.body, c.status)
		if !strings.Contains(text, c.text) || header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %s, allowed: %q", c.method, c.path, text, header.Get("Allow"))
		}
	}
}

func TestAdminOfEqualNames(t *testing.T) {
	n := newNode(t)
	other := "live_origin {\nstore file " + t.TempDir() + "\nchannel sports {\ninput x /x/in\nendpoint hls /x/live\n}\n}\n"
	addr := n.loadWithAdmin("handle /x/* {\n" + other + "}\nhandle {\n" + site("") + "}\n")
	text, _ := n.ask(addr, "GET", "/live_origin/channels", "", 200)
	if list := decode[[]channelStatus](t, text); len(list) != 2 || list[0].Store == list[1].Store {
		t.Errorf("channels: %s", text)
	}
	text, _ = n.ask(addr, "GET", "/live_origin/channels/sports", "", 409)
	if !strings.Contains(text, "memory") || !strings.Contains(text, "file:") {
		t.Errorf("conflict: %s", text)
	}
	text, _ = n.ask(addr, "GET", "/live_origin/channels/sports?store=memory", "", 200)
	if c := decode[channelStatus](t, text); c.Store != "memory" || c.Inputs[0].Name != "a" {
		t.Errorf("channel: %s", text)
	}
}
