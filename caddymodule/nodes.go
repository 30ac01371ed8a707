package caddymodule

import (
	"time"

	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
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
	o.meter.node(e)
	o.announcer.node(e)
}

// Node implements channel.Observer.
func (o *observer) Node(name string, e channel.NodeEvent) {
	log := o.logger.With(zap.String("channel", name))
	advice := func(text string) zap.Field { return zap.String("advice", text) }
	switch e.Kind {
	case channel.NodeLost:
		if e.Stopped {
			log.Info("node stopped: it was shut down, and the others go on without it", zap.String("node", e.Node))
			return
		}
		log.Warn("node lost: nothing is heard of it, and the others go on without it", zap.String("node", e.Node),
			advice("look at that machine and its network; encoders that push to it have to move to another node"))
	case channel.NodeBack:
		log.Info("node is there", zap.String("node", e.Node))
	case channel.NodeAlone:
		log.Warn("alone: no NATS server answers, and this node goes on with the inputs that reach it",
			advice("look at the NATS servers and at the network of this node; other nodes may be on air with other inputs"))
	case channel.NodeTogether:
		log.Info("together again: this node hears the others")
	case channel.HistoryAdopted:
		log.Warn("went over to what another node has published: while nodes did not hear of each other, both went on",
			zap.String("endpoint", e.Endpoint), zap.String("node", e.Node), zap.Int("slots_of_this_node", e.Records))
	case channel.MessagesLost:
		// A bad network loses some all the time.
		o.quiet.log(log, zap.WarnLevel, missKey{name, e.Node, "", string(e.Kind)},
			"messages of another node were lost: what its encoders sent may be missing here",
			zap.String("node", e.Node), zap.Int("count", e.Count),
			advice("nothing, if it was once; else the network between this node and the NATS servers is too slow, or hangs"))
	case channel.UploadMissed:
		o.quiet.log(log, zap.WarnLevel, missKey{name, e.Node, e.Input, string(e.Kind)},
			"an upload to another node did not come to this one",
			zap.String("node", e.Node), zap.String("input", e.Input), zap.String("path", e.Path), zap.Error(e.Err),
			advice("nothing, if that node was just lost; else look at the network to it, and at the load of this machine"))
	}
}

func (a *announcer) node(e channel.NodeEvent) {
	names := map[channel.NodeEventKind]string{
		channel.NodeLost: eventNodeLost, channel.NodeBack: eventNodeBack, channel.NodeAlone: eventNodeAlone,
		channel.NodeTogether: eventNodeTogether, channel.HistoryAdopted: eventHistory,
	}
	name, ok := names[e.Kind]
	if !ok {
		return // it may come with every upload
	}
	data := map[string]any{"time": timestamp(time.Now())}
	if e.Node != "" {
		data["node"] = e.Node
	}
	if e.Stopped {
		data["stopped"] = true
	}
	if e.Endpoint != "" {
		data["endpoint"], data["slots"] = e.Endpoint, e.Records
	}
	a.emit(name, data)
}
