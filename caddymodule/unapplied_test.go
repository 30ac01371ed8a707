package caddymodule

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// follow makes another config take the place of the origin's, and returns the warnings of that.
func (o *origin) follow(source string) (next *origin, warnings *zapobserver.ObservedLogs) {
	o.t.Helper()
	next, err := tryOrigin(o.t, source)
	if err != nil {
		o.t.Fatal(err)
	}
	core, logs := zapobserver.New(zap.WarnLevel)
	next.app.logger = zap.New(core)
	if err := next.app.Start(); err != nil {
		o.t.Fatal(err)
	}
	if err := o.app.Cleanup(); err != nil {
		o.t.Fatal(err)
	}
	return next, logs
}

func TestLongerSegmentsAfterAReload(t *testing.T) {
	const message = "segment_duration is above the target duration, which never changes"
	with := func(options string) string { return strings.Replace(twoInputs, "segment_duration 2s", options, 1) }
	o, _, _ := onAir(t)
	for _, step := range []struct {
		options string
		warned  bool
	}{
		{"segment_duration 2s\nplaylist_window 30s", false}, {"segment_duration 1s", false}, {"segment_duration 2s", false},
		{"segment_duration 2400ms", false}, {"segment_duration 6s", true}, {"segment_duration 6s\nplaylist_window 90s", false},
	} {
		next, logs := o.follow(with(step.options))
		o = next
		warnings := logs.FilterMessage(message).All()
		if (len(warnings) == 1) != step.warned || len(warnings) > 1 {
			t.Errorf("%s: %v", step.options, warnings)
		}
		for _, w := range warnings {
			if fields := w.ContextMap(); fields["endpoint"] != "hls" || fields["target_duration_seconds"] != int64(2) {
				t.Errorf("%s: %v", step.options, fields)
			}
		}
	}
	// An endpoint under another name is a new one.
	if _, logs := o.follow(strings.Replace(with("segment_duration 10s"), "endpoint hls", "endpoint long", 1)); logs.Len() > 0 {
		t.Errorf("%v", logs.All())
	}
}

func TestAnotherStoreAfterAReload(t *testing.T) {
	on := func(store, channel string) string {
		return strings.Replace(strings.Replace(twoInputs, "channel sports", store+"\nchannel "+channel, 1), "  ", " ", 1)
	}
	first, second := "store file "+t.TempDir(), "store file "+t.TempDir()
	o := newOrigin(t, on(first, "sports"))
	for _, step := range []struct {
		source string
		warned bool
	}{
		{on(first, "sports"), false}, {on(first+" {\nmax_size 1GiB\n}", "sports"), false}, {on(second, "news"), false},
		{on(first, "sports"), false}, {on(second, "sports"), true}, {on(second, "sports"), false}, {on("store memory", "sports"), true},
	} {
		next, logs := o.follow(step.source)
		o = next
		if warnings := logs.FilterMessage("channel begins anew, as it is on another store now").All(); (len(warnings) == 1) != step.warned {
			t.Errorf("%s: %v", step.source, warnings)
		}
	}
}
