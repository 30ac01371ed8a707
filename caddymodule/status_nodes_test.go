package caddymodule

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
	"github.com/liveorigin/caddy-live-origin/store"
)

// What the status page says of nodes.
const sayNodes = `
import { readFileSync } from "node:fs";
import { verdict } from "./words.js";
import { alone, behind, clockOff, delay, state, unwritten } from "./nodes.js";
const now = Date.parse("2023-11-14T22:13:30Z");
for (const status of JSON.parse(readFileSync(0, "utf8"))) {
	const { nodes } = status, v = verdict(status, now);
	console.log("====", v.level, v.badge);
	console.log("banner:", alone(nodes, now) ?? "-");
	console.log("journal:", unwritten(nodes) || "-");
	for (const n of nodes?.nodes ?? []) console.log([n.node, state(nodes, n, now).join(" "), behind(n).join(" "), delay(n), clockOff(n).join(" ")].join(" | "));
}
`

func TestStatusPageOfNodes(t *testing.T) {
	needs.Programs(t, "node")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"package.json": `{"type":"module"}`, "say.js": sayNodes,
		"words.js": string(asset("words.js").body), "nodes.js": string(asset("nodes.js").body),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	status := func(nodes *channel.NodesStatus) channelStatus {
		c := statusOfChannel(channelKey{name: "sports"}, failover.Status{
			Inputs:    []failover.InputStatus{{Name: "a", Up: true}, {Name: "b", Up: true}},
			Pairs:     []failover.PairStatus{{A: "a", B: "b", State: failover.Locked}},
			Endpoints: []failover.EndpointStatus{{Name: "hls", Active: "a"}},
		})
		c.Nodes = nodes
		return c
	}
	alone, out := sampleNodes(), sampleNodes()
	alone.Contact, alone.Unwritten = store.Alone, 42
	for i := range alone.Nodes[1:] {
		alone.Nodes[i+1] = channel.NodeStatus{Node: alone.Nodes[i+1].Node, Since: time.Unix(1_700_000_000, 0).UTC()}
	}
	out.Contact = store.OutOfContact
	text, err := json.Marshal([]channelStatus{status(nil), status(sampleNodes()), status(alone), status(out)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "say.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=en_US.UTF-8")
	cmd.Stdin = strings.NewReader(string(text))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	golden(t, "status_nodes.txt", string(said))
}
