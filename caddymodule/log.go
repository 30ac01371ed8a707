package caddymodule

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// quietInterval is how often a warning that repeats itself is logged.
const quietInterval = 10 * time.Second

// observer writes what happens in channels to the log: changes of state as INFO,
// what is degraded as WARN.
type observer struct {
	logger *zap.Logger
	quiet  *throttle
	// descriptors is noDescriptor, but for tests.
	descriptors func() error
}

func newObserver(logger *zap.Logger) *observer {
	return &observer{logger: logger, quiet: newThrottle(quietInterval), descriptors: noDescriptor}
}

// Event implements channel.Observer.
func (o *observer) Event(name string, e failover.Effect) {
	// Nearly all events are slots of which there is nothing to say.
	if p, ok := e.(failover.Published); ok && ordinary(p.Slot) && !o.logger.Core().Enabled(zapcore.DebugLevel) {
		return
	}
	log := o.logger.With(zap.String("channel", name))
	switch e := e.(type) {
	case failover.Published:
		o.slot(log, name, e.Slot)
	case failover.Ended:
		log.Info("endpoint ended", zap.String("endpoint", e.Endpoint))
	case failover.InputChanged:
		logInput(log, e)
		if !e.Up {
			o.noteDescriptors()
		}
	case failover.GenerationStarted:
		// An encoder whose media breaks with every segment starts one with every segment.
		o.quiet.log(log, zap.InfoLevel, missKey{name, e.Input, "", "generation"}, "generation started",
			zap.String("input", e.Input), zap.Uint64("generation", e.Generation),
			zap.String("reason", string(e.Reason)), zap.String("rendition", e.Rendition), zap.String("segment", e.Segment),
			zap.String("basis", string(e.Basis)))
	case failover.PairChanged:
		o.quiet.log(log, zap.InfoLevel, missKey{name, e.A, e.B, string(e.State)}, "pair state changed",
			zap.String("a", e.A), zap.String("b", e.B), zap.String("state", string(e.State)),
			zap.String("detail", e.Detail), zap.Duration("offset", e.Offset.Duration()),
			zap.Duration("drift", e.Drift.Duration()))
	case failover.ProtectionChanged:
		if e.Protected {
			log.Info("hitless: protected", zap.String("endpoint", e.Endpoint))
			return
		}
		log.Warn("hitless: not protected", zap.String("endpoint", e.Endpoint), zap.String("why", e.Why))
	case failover.Degraded:
		// Bad media stays bad for a while.
		words := joined(e.Defects)
		o.quiet.log(log, zap.WarnLevel, missKey{name, e.Input, e.Rendition, words}, "media degraded",
			zap.String("input", e.Input), zap.String("rendition", e.Rendition), zap.String("segment", e.Segment),
			zap.String("defects", words), zap.String("detail", e.Detail))
	case failover.SegmentMissed:
		// The same fault may hit every segment: a dead rendition, a clock.
		o.quiet.log(log, zap.WarnLevel, missKey{name, e.Input, e.Missing.Rendition, string(e.Missing.Why)}, "segment missed",
			zap.String("input", e.Input), zap.String("rendition", e.Missing.Rendition),
			zap.String("segment", e.Missing.Segment), zap.String("why", string(e.Missing.Why)))
	case failover.SlotGivenUp:
		message := "slot overdue" // it may still come
		if e.Listed {
			message = "slot given up"
		}
		o.quiet.log(log, zap.WarnLevel, missKey{name, e.Endpoint, "", message}, message,
			zap.String("endpoint", e.Endpoint), zap.Time("start", e.Start.Time()),
			zap.Duration("duration", (e.End-e.Start).Duration()), zap.Object("missing", missingByInput(e.Missing)))
		o.noteDescriptors()
	}
}

// ordinary reports whether nothing but its number is remarkable about a slot.
func ordinary(s failover.Slot) bool { return s.Switch == nil && s.Lost == 0 && len(s.Gaps()) == 0 }

// Trouble implements channel.Observer.
func (o *observer) Trouble(name string, err error) {
	o.quiet.log(o.logger, zap.ErrorLevel, missKey{channel: name, why: withoutDigits(err.Error())}, "channel error",
		zap.String("channel", name), zap.Error(err))
}

// withoutDigits is what tells one kind of error from another: numbers of files, records and bytes are others
// each time.
func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

type missKey struct{ channel, from, rendition, why string }

func logInput(log *zap.Logger, e failover.InputChanged) {
	if e.Up {
		log.Info("input up", zap.String("input", e.Input))
		return
	}
	log.Info("input down", zap.String("input", e.Input), zap.String("reason", e.Reason), zap.Time("last_segment", e.Last))
}

// channelChanged logs that a channel came up with its first input, or went down with its last.
func (o *observer) channelChanged(name string, e failover.InputChanged) {
	log := o.logger.With(zap.String("channel", name), zap.String("input", e.Input))
	if e.Up {
		log.Info("channel up")
		return
	}
	level := zap.WarnLevel
	if e.Reason == "ended" {
		level = zap.InfoLevel // as it should be
	}
	log.Log(level, "channel down: no input delivers", zap.String("reason", e.Reason), zap.Time("last_segment", e.Last))
}

func (o *observer) slot(log *zap.Logger, name string, s failover.Slot) {
	if c := log.Check(zapcore.DebugLevel, "slot published"); c != nil {
		c.Write(zap.String("endpoint", s.Endpoint), zap.Uint64("msn", s.MSN), zap.String("input", s.Input), zap.Strings("sources", s.Sources),
			zap.Time("end", s.End.Time()), zap.Time("published", s.Published), zap.Bool("discontinuity", s.Discontinuity), zap.Duration("lost", s.Lost.Duration()))
	}
	if s.Lost > 0 && s.Missing == nil {
		// Only now can what was overdue no longer be published.
		o.quiet.log(log, zap.WarnLevel, missKey{name, s.Endpoint, "", "lost"}, "media lost",
			zap.String("endpoint", s.Endpoint), zap.Duration("duration", s.Lost.Duration()),
			zap.Uint64("before_msn", s.MSN), zap.Time("start", (s.Start-s.Lost).Time()))
	}
	if gaps := s.Gaps(); len(gaps) > 0 {
		// A rendition that an input does not have is one in every slot.
		o.quiet.log(log, zap.WarnLevel, missKey{name, s.Endpoint, "", "gap"}, "gap published",
			zap.String("endpoint", s.Endpoint), zap.Uint64("msn", s.MSN), zap.String("input", s.Input), zap.Strings("renditions", gaps))
	}
	if s.Switch == nil {
		return
	}
	sw := s.Switch
	if sw.From == "" {
		log.Info("endpoint started", zap.String("endpoint", sw.Endpoint), zap.Uint64("msn", sw.MSN), zap.String("input", sw.To))
		return
	}
	d := decisionOf(*sw)
	if !sw.Patched() {
		log.Info("active input switched", d.logFields()...)
		return
	}
	// With two bad networks it happens in every slot.
	o.quiet.log(log, zap.WarnLevel, missKey{name, s.Endpoint, "", string(sw.Reason)}, "slot patched", d.logFields()...)
}

type missingByInput map[string][]failover.Missing

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (m missingByInput) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for input, list := range m {
		if err := enc.AddArray(input, missingOf(list)); err != nil {
			return err
		}
	}
	return nil
}

// throttle lets one of many identical warnings through per interval.
type throttle struct {
	interval time.Duration
	mu       sync.Mutex
	seen     map[any]*repeated
}

type repeated struct {
	logged   time.Time
	silenced int
}

// maxRepeated bounds the memory. Keys come from encoders in part.
const maxRepeated = 1000

func newThrottle(interval time.Duration) *throttle {
	return &throttle{interval: interval, seen: map[any]*repeated{}}
}

// pass reports whether to log, and how many identical ones were not logged since the last
// time.
func (t *throttle) pass(key any) (silenced int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	r := t.seen[key]
	if r == nil {
		if len(t.seen) >= maxRepeated {
			clear(t.seen)
		}
		t.seen[key] = &repeated{logged: now}
		return 0, true
	}
	if now.Sub(r.logged) < t.interval {
		r.silenced++
		return 0, false
	}
	silenced = r.silenced
	*r = repeated{logged: now}
	return silenced, true
}

// log writes an entry if it may pass, and how many were not written since the last one.
func (t *throttle) log(logger *zap.Logger, level zapcore.Level, key any, message string, fields ...zap.Field) {
	if silenced, ok := t.pass(key); ok {
		// The caller is the one that has something to say.
		logger.WithOptions(zap.AddCallerSkip(1)).Log(level, message, append(fields, zap.Int("silenced", silenced))...)
	}
}

// Interface guards
var (
	_ channel.Observer        = (*observer)(nil)
	_ zapcore.ObjectMarshaler = missingByInput(nil)
)
