package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// What is counted and shown of the nodes that run a channel together. There is none of it
// where there is one node only.

const (
	labelNode       = "node"
	labelConnection = "connection"
	labelWay        = "way"
)

var (
	historiesAdopted = counter("histories_adopted_total",
		"How often this node went over to what another one had published while the two did not hear of each other.",
		labelStore, labelChannel, labelEndpoint)
	messagesLost = counter("node_messages_lost_total",
		"Messages of other nodes that could not be brought back.",
		labelStore, labelChannel)
	uploadsMissed = counter("node_uploads_missed_total",
		"Uploads to other nodes that did not come to this one.",
		labelStore, labelChannel, labelInput)
)

// beginNodes makes a channel's counters start at zero.
func (m meter) beginNodes(config channel.Config) {
	messagesLost.Begin(m.store, m.channel)
	for _, in := range config.Inputs {
		uploadsMissed.Begin(m.store, m.channel, in.Name)
	}
	for _, e := range config.Endpoints {
		historiesAdopted.Begin(m.store, m.channel, e.Name)
	}
}

func (m meter) node(e channel.NodeEvent) {
	switch e.Kind {
	case channel.HistoryAdopted:
		historiesAdopted.Inc(m.store, m.channel, e.Endpoint)
	case channel.MessagesLost:
		messagesLost.Add(uint64(e.Count), m.store, m.channel)
	case channel.UploadMissed:
		uploadsMissed.Inc(m.store, m.channel, e.Input)
	}
}

var (
	nodeAlone = gauge("node_alone",
		"Whether no NATS server answers this node, so that it goes on by itself. Only of channels that several nodes run.",
		labelStore, labelChannel)
	nodeUnwritten = gauge("node_unwritten_seconds",
		"For how long the journal of all nodes has not taken what this node decided; 0 if it has all of it.",
		labelStore, labelChannel)
	nodeUp = gauge("node_up",
		"Whether another node that runs the channel is heard.",
		labelStore, labelChannel, labelNode)
	nodeBehind = gauge("node_behind_slots",
		"How many slots a node lacks that another one has, at most. Missing while it is not heard.",
		labelStore, labelChannel, labelNode)
	nodeDelay = gauge("node_delay_seconds",
		"How long messages of another node are under way. Missing while it is not heard.",
		labelStore, labelChannel, labelNode)
	nodeClock = gauge("node_clock_ahead_seconds",
		"How far the clock of another node is ahead of this node's. Missing while it is not heard.",
		labelStore, labelChannel, labelNode)
)

func collectNodes(send func(*prometheus.Desc, float64, ...string), key channelKey, s *channel.NodesStatus) {
	if s == nil {
		return
	}
	send(nodeAlone, oneIf(s.Contact == store.Alone), key.store, key.name)
	send(nodeUnwritten, s.Unwritten, key.store, key.name)
	for _, n := range s.Nodes {
		if !n.Self {
			send(nodeUp, oneIf(n.Alive), key.store, key.name, n.Node)
		}
		if !n.Alive {
			continue
		}
		send(nodeBehind, float64(n.Behind), key.store, key.name, n.Node)
		if !n.Self {
			send(nodeDelay, n.Delay, key.store, key.name, n.Node)
			send(nodeClock, n.Ahead, key.store, key.name, n.Node)
		}
	}
}

var (
	natsUp = gauge("nats_connection_up",
		"Whether a connection of this node is on a NATS server. Two of the three are enough.",
		labelStore, labelConnection)
	natsLost = described("nats_connections_lost_total",
		"How often a connection to a NATS server was lost.",
		labelStore)
	natsDropped = described("nats_messages_dropped_total",
		"Messages that came faster than they could go. Nodes that miss them ask for them.",
		labelStore)
	fetchedObjects = described("fetched_objects_total",
		"Segments that came from other nodes or the backup, by the way that they came.",
		labelStore, labelWay)
	fetchedBytes = described("fetched_bytes_total",
		"Bytes of segments that came from other nodes or the backup, by the way that they came.",
		labelStore, labelWay)
	fetchesFailed = described("fetches_failed_total",
		"How often a node that has a segment did not deliver it, and another way or node was tried.",
		labelStore)
)

// collectNATS shows what a store knows of its way to other nodes. It counts by itself, from
// when it was opened.
func collectNATS(send func(*prometheus.Desc, prometheus.ValueType, float64, ...string), store string, s nats.Stats) {
	for name, up := range s.Connections {
		send(natsUp, prometheus.GaugeValue, oneIf(up), store, name)
	}
	send(natsLost, prometheus.CounterValue, float64(s.ConnectionsLost), store)
	send(natsDropped, prometheus.CounterValue, float64(s.MessagesDropped), store)
	for way, f := range s.Fetched {
		send(fetchedObjects, prometheus.CounterValue, float64(f.Objects), store, way)
		send(fetchedBytes, prometheus.CounterValue, float64(f.Bytes), store, way)
	}
	send(fetchesFailed, prometheus.CounterValue, float64(s.FetchesFailed), store)
}
