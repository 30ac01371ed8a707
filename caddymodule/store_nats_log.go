package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// natsText is what is logged about something that happened between this node and the others:
// a sentence for whoever is woken by it, and what there is to do, if there is anything.
type natsText struct {
	level           zapcore.Level
	message, advice string
}

var natsTexts = map[nodes.EventKind]natsText{
	nodes.Connected: {zap.InfoLevel, "connected with a NATS server", ""},
	nodes.ConnectionLost: {
		zap.WarnLevel, "NATS connection lost; it moves to another server",
		"nothing, if it is back at once. Else look at that server, and at the network to it",
	},
	nodes.ConnectionBack: {zap.InfoLevel, "NATS connection is back", ""},
	nodes.CannotConnect: {
		zap.WarnLevel, "a NATS server does not answer, or refuses this node",
		"look whether it runs, whether this node reaches it, and at its log for refused logins",
	},
	nodes.ServerTooOld: {zap.WarnLevel, "a NATS server is too old, and is not used", "upgrade nats-server"},
	nodes.MessagesTooSmall: {
		zap.WarnLevel, "a NATS server takes only small messages, and is not used",
		"set max_payload of nats-server to 1MB or more: that is its default",
	},
	nodes.QueueFull: {
		zap.WarnLevel, "messages came faster than they could go, and some were dropped; nodes that miss them ask for them",
		"the network to the NATS servers is too slow, or hangs: look at it. With peer_address, segments don't go that way",
	},
	nodes.SendFailed: {
		zap.WarnLevel, "a message could not be sent",
		"the error says why. With a violation of permissions, give the node those that docs/nodes.md lists",
	},
	nodes.NameTaken: {
		zap.WarnLevel, "another node has the name of this one: neither works as it should",
		"give each node a name of its own (node, in store nats), and start both again",
	},
	nodes.UnknownFormat: {
		zap.WarnLevel, "a node says what this one does not understand; that is ignored",
		"if that node runs a newer version, upgrade this one. If it is none of yours, give each origin a prefix of its own",
	},
	nodes.TooManyNodes: {
		zap.WarnLevel, "there are more nodes than this one listens to; the rest is ignored",
		"give each origin a prefix of its own",
	},
	nodes.Stalled: {
		zap.WarnLevel, "this process stood still for a moment, or its clock was set; other nodes may have counted it as lost",
		"look at the load of this machine, whether it was suspended or moved, and at what sets its clock",
	},
	nats.StreamsUnavailable: {
		zap.WarnLevel, "the journal of all nodes can't be reached; channels go on, and it is written later",
		"JetStream needs more than half of its NATS servers: look at them, and at the error, which says if they have no room or the stream has a limit",
	},
	nats.StreamsAvailable: {zap.InfoLevel, "the journal of all nodes can be reached", ""},
	nats.StreamsRemade: {
		zap.WarnLevel, "the journal of all nodes was deleted, and has been made again; channels go on",
		"find out who deletes the streams of the prefix: until it is written again, a restart of all nodes at once would begin anew",
	},
	nats.JournalShorter: {
		zap.WarnLevel, "the journal of all nodes has lost records; what nodes remember is written again, and channels go on",
		"find out who purges or restores the streams of the prefix or has given them a limit, and whether the servers lost power: until it is written again, a restart of all nodes at once would go back",
	},
	nats.BackupSkipped: {
		zap.WarnLevel, "segments are not in the backup; a restart of all nodes at once would lose them",
		"JetStream or the network to it is too slow: look at the NATS servers, or leave backup_size out",
	},
	nats.Overflowing: {
		zap.WarnLevel, "this node has no room for what comes from other nodes, and keeps the newest of it in memory",
		"nothing, if it has just started. Else make room on its disk, or give it a larger max_size: encoders that push to it are refused",
	},
	nats.FetchFailed: {
		zap.WarnLevel, "another node did not deliver a segment; it is fetched another way, or from another node",
		"nothing, if that node was just lost. Else look at the network to it, and at its peer_address",
	},
}

// natsQuiet is for what the engine tells each time. Connections that come and go at once
// would fill the log.
var natsQuiet = newThrottle(quietInterval)

type natsKey struct {
	kind                     nodes.EventKind
	connection, server, node string
}

// logNATS writes what the store has to say. The store outlives configs and their loggers.
func logNATS(e nodes.Event) { writeNATS(caddy.Log().Named("live_origin"), natsQuiet, e) }

func writeNATS(logger *zap.Logger, quiet *throttle, e nodes.Event) {
	silenced, ok := quiet.pass(natsKey{e.Kind, e.Connection, e.Server, e.Node})
	if !ok {
		return
	}
	text, known := natsTexts[e.Kind]
	if !known {
		text = natsText{level: zap.WarnLevel, message: "NATS: " + string(e.Kind)}
	}
	var fields []zap.Field
	add := func(name, text string) {
		if text != "" {
			fields = append(fields, zap.String(name, text))
		}
	}
	add("connection", e.Connection)
	add("server", e.Server)
	add("node", e.Node)
	if e.Count > 0 {
		fields = append(fields, zap.Int("count", e.Count))
	}
	if e.For > 0 {
		fields = append(fields, zap.Duration("for", e.For))
	}
	if e.Err != nil {
		fields = append(fields, zap.Error(e.Err))
	}
	add("advice", text.advice)
	if silenced += e.Suppressed; silenced > 0 {
		fields = append(fields, zap.Int("silenced", silenced))
	}
	logger.Log(text.level, text.message, fields...)
}
