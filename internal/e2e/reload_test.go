package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/handover"
)

// reloads change what an operator changes: each is what stands in the channel's
// block beside inputs and the endpoint that is watched, what stands in that
// endpoint's block, and what stands behind the channel.
var reloads = []struct{ channel, endpoint, others string }{
	{endpoint: "playlist_window 30s"},
	{channel: "endpoint extra /extra/sports"},
	{channel: "endpoint extra /extra/sports {\n segment_duration 4s\n startover_window 1h\n }", endpoint: "playlist_window 20s"},
	{channel: "input c /in/sports/c", endpoint: "on_input_loss gap"},
	{others: "channel news {\n input a /in/news/a\n endpoint hls /live/news\n }", endpoint: "startover_window 1h"},
	{channel: "alignment timestamp", endpoint: "failover_policy prefer a after 10m"},
}

// TestReloadsLoseNothing: for a minute the config changes every two seconds while
// encoders upload and viewers download: endpoints, inputs, channels and options come
// and go. No packet is lost, no number falls, nothing switches, no slot is later than
// the encoders, counters go on. A config with a mistake changes nothing.
//
// The grace is long, so that encoders which are late on a busy machine are not taken for
// what a reload has lost.
func TestReloadsLoseNothing(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	grace := "6s"
	block := func(channel, endpoint, others string) string {
		return fmt.Sprintf(`
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				failover_grace %s
				%s
			}
			%s
		}
		%s`, grace, endpoint, channel, others)
	}
	o := startOrigin(t, block("", "", ""), "servers {\n listener_wrappers {\n live_origin\n }\n }")
	ways := map[string]string{"a": o.url(""), "b": o.url("")}
	restore, handedOver := handover.KeepQueued()
	t.Cleanup(restore)
	if !handedOver {
		t.Log("net.ipv4.tcp_migrate_req cannot be set here: encoders and viewers have to ask again when they are reset")
		for input := range ways {
			ways[input] = newLink(t, o, func(_ string, _ int, body []byte) []byte { return body }).URL
		}
	}
	for input, way := range ways {
		source.startEncoder(way + "/in/sports/" + input)
	}
	undisturbed := startWitness(t, source)
	fast := watch(t, o, "/fast/sports")
	fast.wait(2)
	fast.patient.Store(!handedOver)
	before := o.counters()
	for i := range 30 {
		r := reloads[i%len(reloads)]
		grace = []string{"6s", "8s"}[i/len(reloads)%2]
		o.reload(block(r.channel, r.endpoint, r.others))
		time.Sleep(2 * time.Second)
		now := o.counters()
		for name, value := range before {
			if now[name] < value {
				t.Errorf("reload %d: %s fell from %g to %g", i, name, value, now[name])
			}
		}
		before = now
	}
	o.configure(block("nonsense", "", ""))
	out, err := exec.Command(caddyBinary, "reload", "--config", o.config, "--adapter", "caddyfile", "--address", o.admin).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nonsense") {
		t.Errorf("a config with a mistake: %v\n%s", err, out)
	}
	fast.wait(2)
	fast.finish()
	checkEveryPacket(t, fast, source.recorded())
	if n := len(o.log.find("active input switched")); n > 0 {
		t.Errorf("%d switches", n)
	}
	checkPunctual(t, o, "fast", undisturbed)
	for name, value := range o.counters() {
		switch {
		case strings.Contains(name, "slots_published_total") && strings.Contains(name, `"fast"`) && int(value) < fast.count():
			t.Errorf("%g slots were counted, and %d seen", value, fast.count())
		case strings.Contains(name, "gaps_total") && strings.Contains(name, `"fast"`) && value > 0:
			t.Errorf("%s is %g", name, value)
		case strings.Contains(name, "slots_given_up_total") && strings.Contains(name, `"fast"`) && value > 0:
			t.Errorf("%s is %g", name, value)
		case strings.Contains(name, "ingest_requests_total") && !strings.Contains(name, `code="2`) && value > 0:
			t.Errorf("%s is %g", name, value)
		}
	}
}

// checkPunctual reads from the origin's log that no slot of an endpoint was published later
// than half of its segment after the rhythm of all, beyond what the encoders were late.
func checkPunctual(t *testing.T, o *origin, endpoint string, undisturbed *witness) {
	t.Helper()
	late := map[time.Time]time.Duration{}
	for _, e := range o.log.find("slot published") {
		if e["endpoint"] == endpoint {
			at := logTime(t, e, "published")
			late[at] = at.Sub(logTime(t, e, "end"))
		}
	}
	rhythm := slices.Sorted(maps.Values(late))
	if len(rhythm) < 10 {
		t.Fatalf("%s: the log tells of %d slots", endpoint, len(rhythm))
	}
	usual := rhythm[len(rhythm)/2]
	for at, after := range late {
		excused := undisturbed.around(at)
		if by := after - usual; by > time.Second+excused {
			t.Errorf("%s: a slot was published %s after its rhythm, and the encoders were late by %s", endpoint, by, excused)
		}
	}
	t.Logf("%s: %d slots, the worst %s after the rhythm", endpoint, len(rhythm), rhythm[len(rhythm)-1]-usual)
}

// counters are the origin's counters, as Prometheus sees them.
func (o *origin) counters() map[string]float64 {
	o.t.Helper()
	list := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(get(o.t, "http://"+o.admin+"/metrics")))
	for lines.Scan() {
		name, number, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(name, "caddy_live_origin_") || !strings.Contains(name, "_total{") {
			continue
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			o.t.Fatal(err)
		}
		list[name] = value
	}
	if len(list) == 0 {
		o.t.Error("the origin has no counters")
	}
	return list
}
