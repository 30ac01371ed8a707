package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// currentState collects what is true at the moment of a scrape. It keeps nothing, so that a
// channel, input or endpoint that was removed leaves no series behind.
var currentState = stateCollector{
	inputUp: gauge("input_up",
		"Whether the input delivers: 1 if it has delivered something within the length of its last three segments.",
		labelStore, labelChannel, labelInput),
	lateness: gauge("segment_lateness_seconds",
		"How long after its end on the channel's clock the input's media arrives, typically. Missing before the first segment.",
		labelStore, labelChannel, labelInput),
	active: gauge("active_input",
		"1 for the input that the endpoint's viewers get, 0 for the others.",
		labelStore, labelChannel, labelEndpoint, labelInput),
	locked: gauge("pair_locked",
		"Whether a switch between two inputs is seamless.",
		labelStore, labelChannel, "a", "b"),
	protected: gauge("hitless_protected",
		"Whether the loss of the active input would make no segment late. Only of endpoints with failover_policy hitless.",
		labelStore, labelChannel, labelEndpoint),
	storeBytes: gauge("store_bytes",
		"What segments and journals occupy in the store.", labelStore),
	storeCapacity: gauge("store_capacity_bytes",
		"The limit up to which the store takes segments. Missing if it has none.", labelStore),
}

type stateCollector struct {
	inputUp, lateness, active, locked *prometheus.Desc
	protected                         *prometheus.Desc
	storeBytes, storeCapacity         *prometheus.Desc
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return described(name, help, labels...)
}

// described is for counters as well, where something else counts.
func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("caddy", "live_origin", name), help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.inputUp, c.lateness, c.active, c.locked, c.protected, c.storeBytes, c.storeCapacity, inputWaiting,
		nodeAlone, nodeUnwritten, nodeUp, nodeBehind, nodeDelay, nodeClock, natsUp, natsLost, natsDropped, fetchedObjects, fetchedBytes, fetchesFailed} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	live.eachChannel(func(ch *sharedChannel) {
		status := ch.channel.Status()
		c.channel(send, ch.key, status)
		collectNodes(send, ch.key, ch.channel.Nodes())
		var inputs []string
		for _, in := range status.Inputs {
			inputs = append(inputs, in.Name)
		}
		collectWaits(send, ch.key, inputs, ch.channel.Waits())
	})
	live.eachStore(func(s *sharedStore) {
		usage := s.store.Usage()
		send(c.storeBytes, float64(usage.Bytes), s.identity)
		if usage.Capacity > 0 {
			send(c.storeCapacity, float64(usage.Capacity), s.identity)
		}
		if n, ok := s.store.(interface{ Stats() nats.Stats }); ok {
			collectNATS(func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
				out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
			}, s.identity, n.Stats())
		}
	})
}

func (c *stateCollector) channel(send func(*prometheus.Desc, float64, ...string), key channelKey, s failover.Status) {
	for _, in := range s.Inputs {
		send(c.inputUp, oneIf(in.Up), key.store, key.name, in.Name)
		if !in.LastSegment.IsZero() {
			send(c.lateness, in.Lateness.Seconds(), key.store, key.name, in.Name)
		}
		for _, e := range s.Endpoints {
			send(c.active, oneIf(e.Active == in.Name), key.store, key.name, e.Name, in.Name)
		}
	}
	for _, e := range s.Endpoints {
		if p := e.Protection; p != nil {
			send(c.protected, oneIf(p.Protected), key.store, key.name, e.Name)
		}
	}
	for _, p := range s.Pairs {
		send(c.locked, oneIf(p.State == failover.Locked), key.store, key.name, p.A, p.B)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Interface guards
var _ prometheus.Collector = (*stateCollector)(nil)
