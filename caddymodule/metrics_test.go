package caddymodule

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ReplaceAll(string(want), "\r\n", "\n"); got != text {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, text)
	}
}

// scrape is what a registry shows of the origin, without what is of other channels
// and stores: counters live as long as the process, so other tests are in them.
func scrape(t *testing.T, registry prometheus.Gatherer, channel string) string {
	t.Helper()
	return scrapeAll(t, registry, channel, fmt.Sprintf(`channel="%s"`, channel))
}

// scrapeAll does so for the series with a certain label.
func scrapeAll(t *testing.T, registry prometheus.Gatherer, channel, label string) string {
	t.Helper()
	families, err := registry.Gather() // the registry is pedantic: it checks each series
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "caddy_live_origin_") {
			continue
		}
		var all strings.Builder
		if _, err := expfmt.MetricFamilyToText(&all, f); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(all.String(), `channel="`) && !strings.Contains(all.String(), label) {
			continue // of other tests alone
		}
		for line := range strings.Lines(all.String()) {
			if strings.HasPrefix(line, "#") || strings.Contains(line, label) {
				b.WriteString(strings.ReplaceAll(line, channel, "metered"))
			}
		}
	}
	return b.String()
}

func activeRegistry() *prometheus.Registry {
	ctx := caddy.ActiveContext()
	return ctx.GetMetricsRegistry()
}

// runs makes the name of a channel that nothing was counted for yet.
var runs atomic.Int64

func meteredName() string { return fmt.Sprintf("metered-%d", runs.Add(1)) }

func metered(name, inputs, more string) string {
	return "live_origin {\nchannel " + name + " {\n" + inputs + "\nendpoint hls /live {\n" + more + "\n}\n}\n}\n"
}

func TestMetricsOverReloads(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	n := newNode(t)
	name := meteredName()
	const both = "input a /in/a\ninput b /in/b"
	use := func() {
		for path, status := range map[string]int{"/in/a/live.m3u8": 400, "/in/b/other.m3u8": 400} {
			n.want("PUT", path, strings.NewReader("#EXTM3U\nno playlist"), status)
		}
		n.want("MKCOL", "/in/a/dir", nil, 201)
		n.want("GET", "/in/a/never-named-in-a-label.ts", nil, 404)
		n.want("PATCH", "/in/a/x", nil, 405)
		live.changing.Lock()
		defer live.changing.Unlock()
		for _, c := range live.channels {
			if c.key.name != name {
				continue
			}
			for _, e := range []failover.Effect{
				failover.Published{Slot: failover.Slot{Endpoint: "hls", Published: at}},
				failover.Published{Slot: failover.Slot{Endpoint: "hls", Due: at, Published: at.Add(-time.Second)}},
				failover.Published{Slot: failover.Slot{Endpoint: "hls", Due: at, Published: at.Add(3 * time.Second), Switch: &failover.Switch{From: "a", To: "b", Reason: failover.ReasonMissing}}},
				failover.Published{Slot: failover.Slot{Endpoint: "hls", Switch: &failover.Switch{To: "a", Reason: failover.ReasonStart}}},
				failover.Published{Slot: failover.Slot{Endpoint: "hls", Switch: &failover.Switch{From: "b", To: "a", Reason: "written by an encoder"}}},
				failover.SegmentMissed{Input: "a", Missing: failover.Missing{Rendition: "r", Segment: "s", Why: "not_arrived"}},
				failover.SegmentMissed{Input: "a", Missing: failover.Missing{Rendition: "r", Segment: "s", Why: "truncated"}},
				failover.SegmentMissed{Input: "a", Missing: failover.Missing{Rendition: "r", Segment: "s", Why: "written by an encoder"}},
				failover.SegmentMissed{Input: "a", Missing: failover.Missing{Rendition: "r", Segment: "s", Why: failover.ReasonRepeated}},
				failover.SlotGivenUp{Endpoint: "hls"},
			} {
				c.applied.observer.Event(name, e)
			}
		}
	}
	var b strings.Builder
	show := func(title string) {
		first := b.Len() == 0
		fmt.Fprintf(&b, "==== %s\n", title)
		for line := range strings.Lines(scrape(t, activeRegistry(), name)) {
			if first || !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") {
				b.WriteString(line)
			}
		}
	}
	n.load(metered(name, both, ""))
	use()
	show("after the first config")
	n.load(metered(name, both, "playlist_window 2m"))
	use()
	show("after a reload: counters go on")
	n.load(metered(name, "input a /in/a", ""))
	show("after the removal of input b: no state of it is left")
	n.load(otherSite)
	eventually(t, "the last request has left the channel", func() bool { _, c := liveCount(); return c == 1 })
	show("after the removal of the channel")
	golden(t, "metrics.txt", b.String())
}

// Two handlers, or two configs, may meet in one registry.
func TestMetricsAreRegisteredOnce(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for range 2 {
		if err := registerMetrics(registry); err != nil {
			t.Fatal(err)
		}
	}
	stranger := prometheus.NewPedanticRegistry()
	stranger.MustRegister(counter("ingest_bytes_total",
		"Bytes of uploads, after decompression, those of refused uploads included.", labelStore, labelChannel, labelInput))
	if err := registerMetrics(stranger); err == nil {
		t.Error("a stranger's counter is taken for ours")
	}
}

// Two stores may have a channel of the same name.
func TestMetricsOfEqualNames(t *testing.T) {
	n := newNode(t)
	name := meteredName()
	other := "live_origin {\nstore file " + t.TempDir() + "\nchannel " + name + " {\ninput a /x/in\nendpoint hls /x/live\n}\n}\n"
	n.load("handle /x/* {\n" + other + "}\nhandle {\n" + metered(name, "input a /in/a", "") + "}\n")
	text := scrape(t, activeRegistry(), name)
	for _, series := range []string{
		`caddy_live_origin_input_up{channel="metered",input="a",store="file:`,
		`caddy_live_origin_input_up{channel="metered",input="a",store="memory"} 0`,
	} {
		if !strings.Contains(text, series) {
			t.Errorf("%s is not in\n%s", series, text)
		}
	}
}

func TestMetricsOfState(t *testing.T) {
	status := failover.Status{
		Inputs: []failover.InputStatus{
			{Name: "a", Up: true, LastSegment: time.Unix(1_700_000_000, 0), Lateness: 1500 * time.Millisecond},
			{Name: "b"},
		},
		Pairs:     []failover.PairStatus{{A: "a", B: "b", State: failover.Locked}},
		Endpoints: []failover.EndpointStatus{{Name: "hls", Active: "a", Protection: &failover.Protection{Protected: true}}, {Name: "new"}},
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(fixedState{status})
	golden(t, "metrics_state.txt", scrape(t, registry, "fixed"))
}

// fixedState collects a state that is given.
type fixedState struct{ status failover.Status }

func (f fixedState) Describe(out chan<- *prometheus.Desc) { currentState.Describe(out) }
func (f fixedState) Collect(out chan<- prometheus.Metric) {
	currentState.channel(func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}, channelKey{"memory", "fixed"}, f.status)
}

func TestMetricsOfStores(t *testing.T) {
	n := newNode(t)
	n.load(otherSite)
	families, err := activeRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "caddy_live_origin_store_capacity_bytes" {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != defaultCapacity {
				t.Errorf("capacity %v", got)
			}
			return
		}
	}
	t.Error("no store is there")
}

// The list of faults is that of the prober, whose package is none of this one's
// business: a fault that is in no list would be counted as "other".
func TestFaultsHaveTheirNames(t *testing.T) {
	source, err := os.ReadFile("../internal/media/fault.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`Reason\w+\s+Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(failover.Faults(), failover.Reason(name)) {
			t.Errorf("the prober finds %q, which is none of %v", name, failover.Faults())
		}
	}
	if len(names) < 5 {
		t.Errorf("the prober has only %v", names)
	}
}
