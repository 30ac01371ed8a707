package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
)

// nodeEvents is one of each kind.
var nodeEvents = []channel.NodeEvent{
	{Kind: channel.NodeLost, Node: "n2"},
	{Kind: channel.NodeBack, Node: "n2"},
	{Kind: channel.NodeAlone},
	{Kind: channel.NodeTogether},
	{Kind: channel.HistoryAdopted, Node: "n2", Endpoint: "hls", Records: 7},
	{Kind: channel.MessagesLost, Node: "n2", Count: 3},
	{Kind: channel.UploadMissed, Node: "n2", Input: "a", Path: "live7.ts", Err: errors.New("gone")},
}

func TestNodeEventsInTheLog(t *testing.T) {
	for i, c := range []struct {
		level  zapcore.Level
		text   string
		fields map[string]any
	}{
		{zap.WarnLevel, "node lost", map[string]any{"node": "n2"}},
		{zap.InfoLevel, "node is there", map[string]any{"node": "n2"}},
		{zap.WarnLevel, "alone", nil},
		{zap.InfoLevel, "together again", nil},
		{zap.WarnLevel, "went over", map[string]any{"node": "n2", "endpoint": "hls", "slots_of_this_node": int64(7)}},
		{zap.WarnLevel, "messages of another node were lost", map[string]any{"node": "n2", "count": int64(3)}},
		{zap.WarnLevel, "an upload to another node", map[string]any{"node": "n2", "input": "a", "path": "live7.ts", "error": "gone"}},
	} {
		core, logs := zapobserver.New(zap.DebugLevel)
		newObserver(zap.New(core)).Node("sports", nodeEvents[i])
		all := logs.All()
		if len(all) != 1 || all[0].Level != c.level || !strings.HasPrefix(all[0].Message, c.text) {
			t.Fatalf("%s: logged %+v", nodeEvents[i].Kind, all)
		}
		got := all[0].ContextMap()
		if got["channel"] != "sports" {
			t.Errorf("%s: of channel %v", nodeEvents[i].Kind, got["channel"])
		}
		for name, value := range c.fields {
			if got[name] != value {
				t.Errorf("%s: %s is %v, want %v", nodeEvents[i].Kind, name, got[name], value)
			}
		}
	}
}

// What a bad network does all the time is logged once in a while.
func TestNodeWarningsAreThrottled(t *testing.T) {
	core, logs := zapobserver.New(zap.DebugLevel)
	o := newObserver(zap.New(core))
	for i := range 50 {
		e := nodeEvents[6]
		e.Path = strings.Repeat("x", i)
		o.Node("sports", e)
		o.Node("sports", nodeEvents[5])
	}
	if logs.Len() != 2 {
		t.Errorf("%d lines", logs.Len())
	}
}

// Events tell what an operator has to act on, and not what comes with every upload.
func TestNodeEvents(t *testing.T) {
	n := newRecordingNode(t)
	n.loadRecorded(site(""), "one")
	o := observerOf(t, "sports")
	for _, e := range nodeEvents {
		o.Node("sports", e)
	}
	recorded.Lock()
	defer recorded.Unlock()
	text := strings.Join(recorded.lines, "\n") + "\n"
	golden(t, "events_nodes.txt", regexp.MustCompile(`"time": "[^"]+"`).ReplaceAllString(text, `"time": "then"`))
}

// sampleNodes has something in every field.
func sampleNodes() *channel.NodesStatus {
	at := time.Unix(1_700_000_000, 0).UTC()
	return &channel.NodesStatus{
		Contact: store.InContact, Since: at.Add(-time.Hour),
		Nodes: []channel.NodeStatus{
			{Node: "n1", Self: true, Alive: true, Since: at.Add(-time.Hour), Ready: true, Hears: []string{"a"}, Decides: []string{"fast", "hls"}},
			{Node: "n2", Alive: true, Since: at.Add(-time.Minute), Ready: true, Hears: []string{"b"}, Behind: 1, Delay: 0.002, Ahead: -0.6},
			{Node: "n3", Alive: true, Since: at.Add(-time.Second), Delay: 0.01, Ahead: 0.1},
			{Node: "n4", Since: at.Add(-time.Minute)},
		},
	}
}

func TestNodesJSON(t *testing.T) {
	status, _ := sampleStatus()
	one := statusOfChannel(channelKey{store: "nats:live_origin/n1", name: "sports"}, status)
	text, err := json.Marshal(one)
	if err != nil || strings.Contains(string(text), "nodes") {
		t.Errorf("where there is one node, nothing is said of nodes: %s %v", text, err)
	}
	text, err = json.MarshalIndent(sampleNodes(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "admin_nodes.json", string(text)+"\n")
}

func TestNodesTable(t *testing.T) {
	now := time.Unix(1_700_000_010, 0)
	alone := sampleNodes()
	alone.Contact, alone.Since, alone.Unwritten = store.Alone, now.Add(-20*time.Second), 21.5
	for i := range alone.Nodes[1:] {
		alone.Nodes[1+i] = channel.NodeStatus{Node: alone.Nodes[1+i].Node, Since: now.Add(-20 * time.Second)}
	}
	out := sampleNodes()
	out.Contact = store.OutOfContact
	var b bytes.Buffer
	for _, nodes := range []*channel.NodesStatus{sampleNodes(), alone, out} {
		c := statusOfChannel(channelKey{store: "nats:live_origin/n1", name: "sports"}, failover.Status{})
		c.Nodes = nodes
		if err := printStatus(&b, []channelStatus{c}, now); err != nil {
			t.Fatal(err)
		}
		b.WriteString("====\n")
	}
	golden(t, "command_nodes.txt", b.String())
}

// The admin API and the status page have the nodes of a channel.
func TestNodesAreShown(t *testing.T) {
	hear(t, twoNodes())
	newOrigin(t, withHealth)
	var shown []channelStatus
	live.eachChannel(func(c *sharedChannel) {
		status := statusOfChannel(c.key, c.channel.Status())
		status.Nodes = c.channel.Nodes()
		shown = append(shown, status)
	})
	if len(shown) != 1 || shown[0].Nodes == nil {
		t.Fatalf("%+v", shown)
	}
	own, other := shown[0].Nodes.Nodes[0], shown[0].Nodes.Nodes[1]
	if own.Node != "n1" || !own.Self || !own.Ready || other.Node != "n2" || !other.Ready || len(other.Hears) != 1 || other.Ahead != -0.04 {
		t.Errorf("%+v %+v", own, other)
	}

	o := newOrigin(t, strings.Replace(withHealth, "health /ops/health", "status /status", 1))
	w := o.do("GET", "/status/channels", nil)
	want(t, w, 200, `"nodes":{"contact":"in contact"`)
	if strings.Contains(w.Body.String(), "shared_test") {
		t.Errorf("the page tells where the store is: %s", w.Body)
	}
}

// nodesOf is the state that a scrape sees.
type nodesOf struct{ status *channel.NodesStatus }

func (n nodesOf) Describe(out chan<- *prometheus.Desc) { currentState.Describe(out) }
func (n nodesOf) Collect(out chan<- prometheus.Metric) {
	collectNodes(func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}, channelKey{"nats:live_origin/n1", "fixed"}, n.status)
	collectNATS(func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}, "nats:live_origin/n1", (&sharedFake{}).Stats())
}

func TestMetricsOfNodes(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(nodesOf{sampleNodes()})
	name := meteredName()
	m := meter{store: "nats:live_origin/n1", channel: name}
	m.beginNodes(channel.Config{Inputs: []channel.InputConfig{{Name: "a"}, {Name: "b"}}, Endpoints: []channel.EndpointConfig{{Name: "hls"}}})
	for _, e := range nodeEvents {
		m.node(e)
	}
	counters := prometheus.NewPedanticRegistry()
	counters.MustRegister(historiesAdopted, messagesLost, uploadsMissed)
	text := scrapeAll(t, registry, "fixed", `store="nats:live_origin/n1"`) + scrapeAll(t, counters, name, `channel="`+name+`"`)
	golden(t, "metrics_nodes.txt", text)
}

// A channel on one node has none of it.
func TestMetricsOfOneNode(t *testing.T) {
	newOrigin(t, twoInputs)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&currentState)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.GetName(), "_node_") || strings.Contains(f.GetName(), "_nats_") {
			t.Errorf("%s is shown", f.GetName())
		}
	}
}

// Every channel waits for other nodes when it starts, but not one after the other.
func TestManyChannelsStartTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hear(t, store.GroupStatus{Contact: store.OutOfContact, Since: time.Now()})
		var block strings.Builder
		for i := range openedAtOnce {
			fmt.Fprintf(&block, "channel c%d {\ninput a /in/%d\nendpoint hls /live/%d\n}\n", i, i, i)
		}
		start := func(channels string) time.Duration {
			began := time.Now()
			newOrigin(t, "live_origin {\nstore shared_test\n"+channels+"}")
			return time.Since(began)
		}
		one, many := start("channel one {\ninput a /in/a\nendpoint hls /live\n}\n"), start(block.String())
		if one == 0 || many > one {
			t.Errorf("one channel starts in %v, %d in %v", one, openedAtOnce, many)
		}
	})
}
