package caddymodule

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// What follows is told when a config takes effect: it is valid, and does not do what one may
// expect of a reload.

// warnOfOtherStores names the channels that the previous config had on another store. They begin
// anew: nothing goes from one store to another.
func (a *App) warnOfOtherStores(previous *App) {
	if previous == nil {
		return
	}
	for _, u := range a.channels {
		if previous.has(u.key) {
			continue
		}
		for _, before := range previous.channels {
			if before.key.name == u.key.name && !a.has(before.key) {
				a.logger.Warn("channel begins anew, as it is on another store now",
					zap.String("channel", u.key.name), zap.String("store", u.key.store), zap.String("previous_store", before.key.store))
			}
		}
	}
}

func (a *App) has(key channelKey) bool {
	return slices.ContainsFunc(a.channels, func(u *channelUse) bool { return u.key == key })
}

// warnOfLongSegments names the endpoints of a channel that are to have longer segments than their
// playlists may list.
func (a *App) warnOfLongSegments(c *sharedChannel, before, next channel.Config) {
	targets := map[string]int{}
	for _, e := range c.channel.Status().Endpoints {
		targets[e.Name] = e.TargetDuration
	}
	for _, e := range next.Endpoints {
		i := slices.IndexFunc(before.Endpoints, func(o channel.EndpointConfig) bool { return o.Name == e.Name })
		target := time.Duration(targets[e.Name]) * time.Second
		if i < 0 || e.SegmentDuration <= before.Endpoints[i].SegmentDuration || target == 0 || e.SegmentDuration.Round(time.Second) <= target {
			continue
		}
		a.logger.Warn("segment_duration is above the target duration, which never changes",
			zap.String("channel", c.key.name), zap.String("endpoint", e.Name), zap.Duration("segment_duration", e.SegmentDuration),
			zap.Int("target_duration_seconds", targets[e.Name]), zap.String("advice", "give the endpoint another name and path"))
	}
}
