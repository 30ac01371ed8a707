package channel

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// Config is what the operator says about one channel. All values are set;
// defaults are filled in by the caller.
type Config struct {
	// Name follows store.ValidKey without "/".
	Name      string
	Inputs    []InputConfig
	Endpoints []EndpointConfig
	Alignment failover.Alignment
	// Activity: the channel records what happens, for people who watch.
	Activity bool
}

// InputConfig is one of the channel's inputs.
type InputConfig struct {
	Name string
	// BasePath is the path of the input's URL, without a slash at its end. URIs
	// in playlists that begin with it are found below the input.
	BasePath string
	// MaxSegmentSize and MaxPlaylistSize limit one upload, in bytes.
	MaxSegmentSize, MaxPlaylistSize int64
	// MaxRenditions limits the media playlists of the input.
	MaxRenditions int
	// MaxUnlistedSize limits the media that no playlist lists yet, in bytes. Default:
	// four times MaxSegmentSize.
	MaxUnlistedSize int64
}

// EndpointConfig is one of the channel's endpoints.
type EndpointConfig struct {
	Name string
	// SegmentDuration is the desired length of an output segment.
	SegmentDuration time.Duration
	// FailoverGrace is how long to wait for the active input after a slot is due.
	FailoverGrace time.Duration
	// TimeDelay: media of time t becomes visible at t + TimeDelay. Default: 0.
	TimeDelay time.Duration
	// Prefer names the input to go back to once it has been whole for
	// PreferAfter; empty to stay until failover is needed again.
	Prefer      string
	PreferAfter time.Duration
	// Hitless: see failover.EndpointConfig.
	Hitless bool
	// OnDefect: see failover.EndpointConfig.
	OnDefect map[failover.Defect]failover.Action
	output.Config
}

// maxBacklog is how much of an input's media is kept that no endpoint has used yet.
const maxBacklog = 10 * time.Minute

func (c Config) core() failover.Config {
	core := failover.Config{Alignment: c.Alignment}
	for _, in := range c.Inputs {
		core.Inputs = append(core.Inputs, in.Name)
	}
	for _, e := range c.Endpoints {
		core.Endpoints = append(core.Endpoints, failover.EndpointConfig{
			Name: e.Name, SegmentDuration: e.SegmentDuration, FailoverGrace: e.FailoverGrace,
			TimeDelay: e.TimeDelay, Prefer: e.Prefer, PreferAfter: e.PreferAfter, Hitless: e.Hitless, OnDefect: e.OnDefect, GapOnLoss: e.OnInputLoss == output.Gap,
		})
		// What waits for its delay is not backlog.
		core.MaxBacklog = max(core.MaxBacklog, e.TimeDelay+maxBacklog)
	}
	return core
}
