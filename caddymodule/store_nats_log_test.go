package caddymodule

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
)

// Whatever the engine can tell has a sentence, and a warning says what to do.
func TestNATSEventsHaveSentences(t *testing.T) {
	found := 0
	for _, source := range []string{"../internal/nodes/events.go", "../store/nats/events.go"} {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\w+\s+(?:nodes\.)?EventKind = "(.+)"`).FindAllSubmatch(text, -1) {
			found++
			said, ok := natsTexts[nodes.EventKind(m[1])]
			if !ok || said.message == "" {
				t.Errorf("nothing is said about %q", m[1])
			}
			if (said.level == zap.WarnLevel) != (said.advice != "") {
				t.Errorf("%q is logged as %v, with the advice %q", m[1], said.level, said.advice)
			}
		}
	}
	if found != len(natsTexts) {
		t.Errorf("%d events, %d texts", found, len(natsTexts))
	}
}

func TestNATSEventsInTheLog(t *testing.T) {
	core, logs := zapobserver.New(zap.DebugLevel)
	quiet := newThrottle(quietInterval)
	for range 5 {
		writeNATS(zap.New(core), quiet, nodes.Event{Kind: nodes.Connected, Connection: "facts a", Server: "nats://x:4222"})
		writeNATS(zap.New(core), quiet, nodes.Event{
			Kind: nodes.ConnectionLost, Connection: "facts a", Server: "nats://x:4222", Err: errors.New("nothing comes back"), For: time.Second,
		})
	}
	writeNATS(zap.New(core), quiet, nodes.Event{Kind: nodes.NameTaken, Node: "n1", Suppressed: 7})
	all := logs.All()
	if len(all) != 3 {
		t.Fatalf("%d lines: %v", len(all), all)
	}
	if m := all[0].Message; all[0].Level != zap.InfoLevel || strings.Contains(m, "back") {
		t.Errorf("the first connection is logged as %v: %s", all[0].Level, m)
	}
	lost := all[1].ContextMap()
	if all[1].Level != zap.WarnLevel || lost["server"] != "nats://x:4222" || lost["connection"] != "facts a" || lost["for"] != time.Second || lost["error"] != "nothing comes back" || lost["advice"] == "" {
		t.Errorf("%v %v", all[1], lost)
	}
	if twin := all[2].ContextMap(); twin["silenced"] != int64(7) || twin["node"] != "n1" {
		t.Errorf("%v", twin)
	}
}
