package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// Notice implements channel.Observer. What was tolerated in uploads, and what the input
// waits for, is logged once for as long as it goes on; what the core noticed, once in a
// while.
func (o *observer) Notice(name string, n channel.Notice) {
	if n.Repeated {
		return
	}
	fields := []zap.Field{
		zap.String("channel", name), zap.String("input", n.Input), zap.String("path", n.Path), zap.String("what", string(n.Kind)),
	}
	if n.Endpoint != "" {
		fields = append(fields, zap.String("endpoint", n.Endpoint))
	}
	if n.Rendition != "" {
		fields = append(fields, zap.String("rendition", n.Rendition))
	}
	if n.Line > 0 {
		fields = append(fields, zap.Int("line", n.Line))
	}
	if n.Text != "" {
		fields = append(fields, zap.String("found", n.Text))
	}
	if n.Advice != "" {
		fields = append(fields, zap.String("advice", n.Advice))
	}
	switch {
	case n.Over:
		o.logger.Info("input is no longer waiting", fields...)
	case n.Waits():
		o.logger.Warn("input is waiting", fields...)
	case n.Noticed():
		o.quiet.log(o.logger, zap.WarnLevel, missKey{name, n.Input + "/" + n.Endpoint, n.Rendition, string(n.Kind)}, "noticed", fields...)
	case n.Limited():
		o.quiet.log(o.logger, zap.WarnLevel, missKey{name, n.Input, n.Path, string(n.Kind)}, "input is over a limit", fields...)
	default:
		o.logger.Warn("upload tolerated", fields...)
	}
}

var tolerated = counterByWord("tolerated_total",
	"What made no sense in uploads and was ignored, by kind: each new problem, and each upload that repeats it.",
	labelStore, labelChannel, labelInput, "what")

var noticed = counterByWord("noticed_total",
	"What an operator should know about an input but has no effect by itself, by kind. The input is empty if it concerns only an endpoint.",
	labelStore, labelChannel, labelInput, "what")

var inputWaiting = gauge("input_waiting",
	"For how many things an input has been waiting for more than two of its segments: initialization sections, a multivariant playlist that was refused, renditions that are announced and not delivered.",
	labelStore, labelChannel, labelInput, "for")

func (m meter) notice(n channel.Notice) {
	switch {
	case n.Noticed():
		noticed.Inc(m.store, m.channel, n.Input, string(n.Kind))
	case n.Limited():
		overLimit.Inc(m.store, m.channel, n.Input, string(n.Kind))
	case !n.Waits():
		tolerated.Inc(m.store, m.channel, n.Input, string(n.Kind))
	}
}

// beginNotices makes the counters of an input start at zero.
func (m meter) beginNotices(input string) {
	for _, kind := range channel.NoticedKinds {
		noticed.Begin(m.store, m.channel, input, string(kind))
	}
	for _, kind := range channel.LimitKinds {
		overLimit.Begin(m.store, m.channel, input, string(kind))
	}
	for _, kind := range channel.ToleratedKinds {
		tolerated.Begin(m.store, m.channel, input, string(kind))
	}
}

// collectWaits reports how many things each input waits for.
func collectWaits(send func(*prometheus.Desc, float64, ...string), key channelKey, inputs []string, waits []channel.Notice) {
	for _, input := range inputs {
		for _, kind := range channel.WaitKinds {
			n := 0
			for _, w := range waits {
				if w.Input == input && w.Kind == kind {
					n++
				}
			}
			send(inputWaiting, float64(n), key.store, key.name, input, string(kind))
		}
	}
}

// waitStatus is what an input waits for.
type waitStatus struct {
	For   string    `json:"for"`
	Path  string    `json:"path"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}

// addWaits puts what the inputs wait for into the status of their channel.
func (c *channelStatus) addWaits(waits []channel.Notice) {
	for _, w := range waits {
		for i := range c.Inputs {
			if in := &c.Inputs[i]; in.Name == w.Input {
				in.Waiting = append(in.Waiting, waitStatus{For: string(w.Kind), Path: w.Path, Since: w.Time.UTC(), Text: w.Text})
			}
		}
	}
}
