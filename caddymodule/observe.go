package caddymodule

import (
	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// channelObserver is how a config hears of one channel: the log, the metrics and the
// events. It is called in order, by the channel's own goroutine. Events come last, because
// their handlers may take their time.
type channelObserver struct {
	log       *observer
	meter     meter
	announcer *announcer
}

// observe returns the config's observer of a channel that is open. before is the
// one that the channel has had so far, or nil.
func (a *App) observe(u *channelUse, before channel.Observer) *channelObserver {
	meter := newMeter(u.key, u.config)
	if u.shared.channel.Nodes() != nil {
		meter.beginNodes(u.config)
	}
	log := newObserver(a.logger)
	return &channelObserver{
		log:       log,
		meter:     meter,
		announcer: newAnnouncer(a.emitter, log, u, before),
	}
}

// Event implements channel.Observer.
func (o *channelObserver) Event(name string, e failover.Effect) {
	o.log.Event(name, e)
	o.meter.event(e)
	o.announcer.event(e)
}

// Trouble implements channel.Observer.
func (o *channelObserver) Trouble(name string, err error) { o.log.Trouble(name, err) }

// Notice implements channel.Observer.
func (o *channelObserver) Notice(name string, n channel.Notice) {
	o.log.Notice(name, n)
	o.meter.notice(n)
}

// Interface guards
var _ channel.Observer = (*channelObserver)(nil)
