package caddymodule

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

func TestEventsInTheLog(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	missing := failover.Missing{Rendition: "v0.m3u8", Segment: "seg7.ts", Why: "not_arrived"}
	for _, c := range []struct {
		effect  failover.Effect
		level   zapcore.Level
		message string
		fields  map[string]any
	}{
		{
			failover.Published{Slot: failover.Slot{Endpoint: "hls", MSN: 7, Input: "b"}},
			zap.DebugLevel, "slot published", map[string]any{"endpoint": "hls", "msn": uint64(7), "input": "b"},
		},
		{
			failover.Published{Slot: failover.Slot{Endpoint: "hls", Switch: &failover.Switch{Endpoint: "hls", MSN: 1, To: "a", Reason: failover.ReasonStart}}},
			zap.InfoLevel, "endpoint started", map[string]any{"endpoint": "hls", "input": "a"},
		},
		{
			failover.Published{Slot: failover.Slot{Endpoint: "hls", Switch: &failover.Switch{
				Time: at, Endpoint: "hls", MSN: 7, From: "a", To: "b", Reason: failover.ReasonMissing,
				Missing: []failover.Missing{missing}, Due: at, Deadline: at.Add(3 * time.Second), Late: 2 * time.Second,
				Seamless: true, Pair: failover.Locked, PairDetail: "x",
			}}},
			zap.InfoLevel, "active input switched", map[string]any{
				"time": at, "endpoint": "hls", "msn": uint64(7), "from": "a", "to": "b", "reason": "missing_segment",
				"due": at, "deadline": at.Add(3 * time.Second), "late_seconds": 2.0, "why": "a did not deliver seg7.ts in time",
				"seamless": true, "pair": "locked", "pair_detail": "x",
			},
		},
		{
			failover.Published{Slot: failover.Slot{Endpoint: "hls", Input: "a", MSN: 7, Renditions: []failover.SlotRendition{
				{Path: "v0.m3u8", Parts: []failover.Part{{}}}, {Path: "v1.m3u8"}, {Path: "en.m3u8", Silent: true},
			}}},
			zap.WarnLevel, "gap published", map[string]any{"endpoint": "hls", "msn": uint64(7), "input": "a"},
		},
		{failover.Ended{Endpoint: "hls"}, zap.InfoLevel, "endpoint ended", map[string]any{"endpoint": "hls"}},
		{failover.InputChanged{Input: "a", Up: true}, zap.InfoLevel, "input up", map[string]any{"input": "a"}},
		{failover.InputChanged{Input: "a", Reason: "silent", Last: at}, zap.InfoLevel, "input down", map[string]any{"input": "a", "reason": "silent", "last_segment": at}},
		{failover.GenerationStarted{Input: "a", Generation: 2, Reason: "restart"}, zap.InfoLevel, "generation started", map[string]any{"input": "a", "generation": uint64(2), "reason": "restart"}},
		{failover.PairChanged{A: "a", B: "b", State: failover.Locked, Offset: failover.ClockRate, Drift: failover.ClockRate / 2}, zap.InfoLevel, "pair state changed", map[string]any{"a": "a", "b": "b", "state": "locked", "offset": time.Second, "drift": time.Second / 2}},
		{failover.SegmentMissed{Input: "a", Missing: missing}, zap.WarnLevel, "segment missed", map[string]any{"input": "a", "rendition": "v0.m3u8", "segment": "seg7.ts", "why": "not_arrived"}},
		// It may still come: that it was lost is known with the next slot.
		{failover.SlotGivenUp{Endpoint: "hls", Start: 0, End: 2 * failover.ClockRate, Missing: map[string][]failover.Missing{"a": {missing}}}, zap.WarnLevel, "slot overdue", map[string]any{"endpoint": "hls", "duration": 2 * time.Second}},
		{failover.SlotGivenUp{Endpoint: "hls", Start: 0, End: 2 * failover.ClockRate, Listed: true}, zap.WarnLevel, "slot given up", map[string]any{"endpoint": "hls", "duration": 2 * time.Second}},
		{failover.Published{Slot: failover.Slot{Endpoint: "hls", Input: "a", MSN: 7, Lost: 2 * failover.ClockRate}}, zap.WarnLevel, "media lost", map[string]any{"endpoint": "hls", "duration": 2 * time.Second, "before_msn": uint64(7)}},
	} {
		core, logs := zapobserver.New(min(c.level, zap.InfoLevel))
		newObserver(zap.New(core)).Event("sports", c.effect)
		entries := logs.FilterMessage(c.message).All()
		if len(entries) != 1 || entries[0].Level != c.level {
			t.Errorf("%T: logged %+v", c.effect, logs.All())
			continue
		}
		got := entries[0].ContextMap()
		c.fields["channel"] = "sports"
		for k, v := range c.fields {
			if w, ok := v.(time.Time); ok {
				if g, ok := got[k].(time.Time); ok && g.Equal(w) {
					continue
				}
			}
			if got[k] != v {
				t.Errorf("%s: %s is %v (%T), want %v", c.message, k, got[k], got[k], v)
			}
		}
	}
}

// What repeats itself with every segment is logged once in a while.
func TestWarningsAreThrottled(t *testing.T) {
	core, logs := zapobserver.New(zap.DebugLevel)
	o := newObserver(zap.New(core))
	for i := range 20 {
		o.Event("sports", failover.SegmentMissed{Input: "a", Missing: failover.Missing{Rendition: "v0.m3u8", Why: "not_arrived"}})
		o.Event("sports", failover.SegmentMissed{Input: "b", Missing: failover.Missing{Rendition: "v0.m3u8", Why: "not_arrived"}})
		o.Trouble("sports", fmt.Errorf("append to journal of slots: write unfinished-uploads/%d: disk on fire", i))
	}
	if logs.Len() != 3 {
		t.Errorf("%d entries", logs.Len())
	}
	q := newThrottle(0)
	q.pass("x")
	q.seen["x"].silenced = 7
	if silenced, ok := q.pass("x"); !ok || silenced != 7 {
		t.Errorf("%d %v", silenced, ok)
	}
	for i := range 3 * maxRepeated {
		q.pass(i)
	}
	if len(q.seen) > maxRepeated {
		t.Errorf("%d keys are kept", len(q.seen))
	}
}

// An encoder that breaks with every segment fills no log.
func TestGenerationsAreLoggedOnce(t *testing.T) {
	core, logs := zapobserver.New(zap.DebugLevel)
	o := newObserver(zap.New(core))
	for i := range 2000 {
		o.Event("sports", failover.GenerationStarted{Input: "a", Generation: uint64(i)})
		o.Event("sports", failover.PairChanged{A: "a", B: "b", State: failover.Locked})
	}
	o.Event("sports", failover.GenerationStarted{Input: "b", Generation: 1})
	if n := logs.Len(); n != 3 {
		t.Errorf("%d lines", n)
	}
}

// What an encoder does wrong is a warning; what the origin can't do is an error.
func TestLimitsAreWarnings(t *testing.T) {
	core, logs := zapobserver.New(zap.DebugLevel)
	o := newObserver(zap.New(core))
	for range 10 {
		o.Notice("sports", channel.Notice{Input: "a", Kind: channel.LimitUnlisted, Text: "too much"})
		o.Trouble("sports", errors.New("disk"))
	}
	all := logs.All()
	if len(all) != 2 || all[0].Level != zap.WarnLevel || all[0].Message != "input is over a limit" || all[1].Level != zap.ErrorLevel {
		t.Errorf("%v", all)
	}
}

// Viewers get nothing new once the last input is down: that is worse than an input less, and
// told apart from it.
func TestTheLogSaysThatAChannelIsDown(t *testing.T) {
	core, logs := zapobserver.New(zap.InfoLevel)
	a := &announcer{
		log: newObserver(zap.New(core)), key: channelKey{name: "sports"}, inputs: []string{"a", "b"},
		up: &upInputs{names: map[string]bool{}}, quiet: newThrottle(quietInterval),
	}
	for _, c := range []struct {
		effect  failover.InputChanged
		message string
		level   zapcore.Level
	}{
		{failover.InputChanged{Input: "a", Up: true}, "channel up", zap.InfoLevel},
		{failover.InputChanged{Input: "b", Up: true}, "", 0},
		{failover.InputChanged{Input: "a", Reason: "silent"}, "", 0},
		{failover.InputChanged{Input: "b", Reason: "silent"}, "channel down: no input delivers", zap.WarnLevel},
		{failover.InputChanged{Input: "b", Up: true}, "channel up", zap.InfoLevel},
		{failover.InputChanged{Input: "b", Reason: "ended"}, "channel down: no input delivers", zap.InfoLevel},
	} {
		a.event(c.effect)
		entries := logs.TakeAll()
		if c.message == "" && len(entries) == 0 {
			continue
		}
		if len(entries) != 1 || entries[0].Message != c.message || entries[0].Level != c.level || entries[0].ContextMap()["channel"] != "sports" {
			t.Errorf("%+v: logged %+v", c.effect, entries)
		}
	}
}
