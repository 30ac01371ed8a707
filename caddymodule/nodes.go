package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
)

// What operators are told about the other nodes that run a channel.

const (
	eventNodeLost     = "live_node_lost"
	eventNodeBack     = "live_node_back"
	eventNodeAlone    = "live_node_alone"
	eventNodeTogether = "live_node_together"
	eventHistory      = "live_history_adopted"
)

// Node implements channel.Observer.
func (o *channelObserver) Node(name string, e channel.NodeEvent) {
	o.log.Node(name, e)
	o.announcer.node(e)
}

// Node implements channel.Observer.
func (o *observer) Node(name string, e channel.NodeEvent) {
	log := o.logger.With(zap.String("channel", name))
	switch e.Kind {
	case channel.NodeLost:
		log.Warn("node lost: nothing was heard of it for a moment; the others go on without it", zap.String("node", e.Node))
	case channel.NodeBack:
		log.Info("node is there", zap.String("node", e.Node))
	case channel.NodeAlone:
		log.Warn("alone: no NATS server answers; this node goes on with the inputs that reach it",
			zap.String("advice", "look at the NATS servers and at the network of this node; other nodes may be on air with other inputs"))
	case channel.NodeTogether:
		log.Info("together again: this node hears the others")
	case channel.HistoryAdopted:
		log.Warn("went over to what another node has published: while nodes did not hear of each other, both went on",
			zap.String("endpoint", e.Endpoint), zap.String("node", e.Node), zap.Int("slots_of_this_node", e.Records))
	}
}

func (a *announcer) node(e channel.NodeEvent) {
	names := map[channel.NodeEventKind]string{
		channel.NodeLost: eventNodeLost, channel.NodeBack: eventNodeBack, channel.NodeAlone: eventNodeAlone,
		channel.NodeTogether: eventNodeTogether, channel.HistoryAdopted: eventHistory,
	}
	data := map[string]any{"time": timestamp(time.Now())}
	if e.Node != "" {
		data["node"] = e.Node
	}
	if e.Endpoint != "" {
		data["endpoint"], data["slots"] = e.Endpoint, e.Records
	}
	a.emit(names[e.Kind], data)
}

var (
	nodeAlone = gauge("node_alone",
		"Whether this node hears no other node and no NATS server, and goes on by itself. Only of channels that several nodes run.",
		labelStore, labelChannel)
	nodeUp = gauge("node_up",
		"Whether another node that runs the channel is heard.",
		labelStore, labelChannel, "node")
	nodeBehind = gauge("node_behind_slots",
		"How many slots a node lacks that another one has, at most, by its name.",
		labelStore, labelChannel, "node")
	nodeDelay = gauge("node_delay_seconds",
		"How long messages of another node are under way.",
		labelStore, labelChannel, "node")
	nodeClock = gauge("node_clock_ahead_seconds",
		"How far the clock of another node is ahead of this node's.",
		labelStore, labelChannel, "node")
)

func collectNodes(send func(*prometheus.Desc, float64, ...string), key channelKey, s *channel.NodesStatus) {
	if s == nil {
		return
	}
	send(nodeAlone, oneIf(s.Contact == store.Alone), key.store, key.name)
	for _, n := range s.Nodes {
		send(nodeBehind, float64(n.Behind), key.store, key.name, n.Node)
		if n.Self {
			continue
		}
		send(nodeUp, oneIf(n.Alive), key.store, key.name, n.Node)
		send(nodeDelay, n.Delay, key.store, key.name, n.Node)
		send(nodeClock, n.Ahead, key.store, key.name, n.Node)
	}
}
