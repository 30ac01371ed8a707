package caddymodule

import (
	"cmp"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// Endpoint is one output of a channel. It has its own segment length and its own
// active input. In a Caddyfile:
//
//	endpoint <name> <path> {
//		segment_duration <duration>
//		playlist_window  <duration>
//		time_delay       <duration>
//		startover_window <duration>
//		failover_grace   <duration>
//		failover_policy  sticky
//		failover_policy  prefer <input> [after <duration>]
//		failover_policy  hitless
//		on_defect        [<defect>] switch|report|off
//		on_input_loss    hold|gap|error
//		stream_selection {
//			min_bitrate <rate>
//			max_bitrate <rate>
//			order       original|ascending|descending
//		}
//		iframe_playlist
//		manifest_name    <name>
//	}
//
// There is at most one failover_policy.
type Endpoint struct {
	// The URL path. The multivariant playlist is
	// `<path>/<manifest_name>.m3u8`. The rules are those of an input's path.
	// Required.
	Path string `json:"path,omitempty"`

	// The desired length of an output segment, from 1s to 30s. Input segments are joined,
	// never cut: the output segment is the nearest whole multiple of an input segment, at
	// least one. Once the endpoint has published something, a longer one has no effect, as
	// the target duration of a playlist must not change: give the endpoint another name and
	// path. Default: 6s.
	SegmentDuration caddy.Duration `json:"segment_duration,omitempty"`

	// How much media the live playlist lists, at least three segment durations and
	// at most 24h.
	// Default: 60s, or three segment durations where that is more.
	PlaylistWindow caddy.Duration `json:"playlist_window,omitempty"`

	// How much later viewers see the media than they could, up to 24h. With a delay of at
	// least `failover_grace`, a failover makes no segment late. Less than
	// `startover_window`, where both are set. Default: 0.
	TimeDelay caddy.Duration `json:"time_delay,omitempty"`

	// How much of the past stays playable, up to 336h, counted back from the newest
	// segment; of use from `playlist_window` on. The multivariant playlist then takes the
	// parameters `start` and `end`, as Unix time in seconds or as ISO 8601 with a zone, and compares
	// them with EXT-X-PROGRAM-DATE-TIME: with both in the past it leads to
	// playlists of type VOD, with `start` alone or an `end` in the future, to growing ones
	// of type EVENT. What is outside the window is answered with 404. The store must have
	// room for the whole window. Default: 0, which is off.
	StartoverWindow caddy.Duration `json:"startover_window,omitempty"`

	// How long after a segment is due the endpoint keeps waiting for the active input,
	// before it takes the segment from another one, up to 10m. Default: half of the output
	// segment, such as 5s where input segments of 10s are one each.
	FailoverGrace caddy.Duration `json:"failover_grace,omitempty"`

	// When the active input changes, apart from failover. Default: never.
	FailoverPolicy FailoverPolicy `json:"failover_policy,omitzero"`

	// What defects of the active input's media lead to. Default: `switch` for those
	// that can only be a fault, `report` for `starved`, `frozen` and `silent`, which may be
	// part of the programme.
	OnDefect OnDefect `json:"on_defect,omitempty"`

	// What happens when no input delivers a segment. `hold`: the playlist stays
	// as it is. `gap`: segments that are marked as gaps (EXT-X-GAP) are listed on
	// schedule. `error`: the playlist stays as it is, and once nothing has been published
	// for three target durations, playlists are answered with 404, so that a CDN turns to
	// another origin; the next segment brings them back. Default: `hold`.
	OnInputLoss string `json:"on_input_loss,omitempty"`

	// Which of the encoders' variants the endpoint serves. Default: all, in the
	// encoder's order.
	StreamSelection StreamSelection `json:"stream_selection,omitzero"`

	// Adds a playlist of the key frames (EXT-X-I-FRAME-STREAM-INF) for each
	// variant with video, which players show in trick play. It lists byte ranges of the
	// same segments, one picture a second at most. Default: false.
	IFramePlaylist bool `json:"iframe_playlist,omitempty"`

	// The file name of the multivariant playlist, without `.m3u8`. Default:
	// `index`.
	ManifestName string `json:"manifest_name,omitempty"`
}

// FailoverPolicy says when an endpoint changes its active input.
type FailoverPolicy struct {
	// `sticky`: the endpoint stays on an input until that input misses something. `prefer`:
	// it goes back to `input` once that has delivered everything for as long as `after`;
	// without a discontinuity, or when one comes anyway. `hitless`: a segment is taken from
	// whichever input has it first, as long as the inputs are locked, so that the death of
	// an encoder makes no segment late; while they are not, it is `sticky`, and status,
	// metric and event say so. Default: `sticky`.
	Policy string `json:"policy,omitempty"`

	// The name of the preferred input. Required for `prefer`.
	Input string `json:"input,omitempty"`

	// How long the preferred input has to deliver everything before the endpoint
	// goes back to it, up to 24h. Default for `prefer`: 30s.
	After caddy.Duration `json:"after,omitempty"`
}

const (
	defaultSegmentDuration = 6 * time.Second
	defaultPlaylistWindow  = 60 * time.Second
	defaultPreferAfter     = 30 * time.Second
	defaultManifestName    = "index"
)

// unmarshalOption reads one option of an endpoint in a Caddyfile.
func (e *Endpoint) unmarshalOption(d *caddyfile.Dispenser, owner string) error {
	switch d.Val() {
	case "segment_duration":
		return readDuration(d, owner, &e.SegmentDuration, checkSegmentDuration)
	case "playlist_window":
		return readDuration(d, owner, &e.PlaylistWindow, checkPositive)
	case "time_delay":
		return readDuration(d, owner, &e.TimeDelay, checkTimeDelay)
	case "startover_window":
		return readDuration(d, owner, &e.StartoverWindow, checkStartoverWindow)
	case "failover_grace":
		return readDuration(d, owner, &e.FailoverGrace, checkGrace)
	case "failover_policy":
		return e.FailoverPolicy.unmarshal(d, owner)
	case "on_defect":
		return e.OnDefect.unmarshal(d, owner)
	case "on_input_loss":
		return readText(d, owner, &e.OnInputLoss, checkOnInputLoss)
	case "stream_selection":
		return e.StreamSelection.unmarshal(d, owner)
	case "iframe_playlist":
		return readFlag(d, owner, &e.IFramePlaylist)
	case "manifest_name":
		return readText(d, owner, &e.ManifestName, checkManifestName)
	}
	return unrecognized(d, "live_origin endpoint")
}

func (e *Endpoint) setDefaults() {
	e.SegmentDuration = cmp.Or(e.SegmentDuration, caddy.Duration(defaultSegmentDuration))
	e.PlaylistWindow = cmp.Or(e.PlaylistWindow, max(caddy.Duration(defaultPlaylistWindow), 3*e.SegmentDuration))
	p := &e.FailoverPolicy
	if p.Policy = cmp.Or(p.Policy, policySticky); p.Policy == policyPrefer {
		p.After = cmp.Or(p.After, caddy.Duration(defaultPreferAfter))
	}
	e.OnInputLoss = cmp.Or(e.OnInputLoss, string(output.Hold))
	e.ManifestName = cmp.Or(e.ManifestName, defaultManifestName)
}

// check checks the endpoint, which is one of c. paths holds the paths that were
// checked before.
func (e *Endpoint) check(c *Channel, name, owner string, paths pathSet) error {
	return cmp.Or(
		checkName(name),
		about("path", paths.add(e.Path, owner)),
		about("segment_duration", checkSegmentDuration(time.Duration(e.SegmentDuration))),
		about("playlist_window", checkPlaylistWindow(e.PlaylistWindow, e.SegmentDuration)),
		about("time_delay", checkTimeDelay(time.Duration(e.TimeDelay))),
		about("startover_window", checkStartoverWindow(time.Duration(e.StartoverWindow))),
		about("time_delay", checkDelayInWindow(e.TimeDelay, e.StartoverWindow)),
		about("failover_grace", ifSet(time.Duration(e.FailoverGrace), checkGrace)),
		about("failover_policy", e.FailoverPolicy.check(c)),
		about("on_defect", e.OnDefect.check()),
		about("on_input_loss", checkOnInputLoss(e.OnInputLoss)),
		about("stream_selection", e.StreamSelection.check()),
		about("manifest_name", checkManifestName(e.ManifestName)),
	)
}

func (p FailoverPolicy) check(c *Channel) error {
	switch p.Policy {
	case policySticky, policyHitless:
		if p.Input != "" || p.After != 0 {
			return fmt.Errorf("input and after belong to the policy %s", policyPrefer)
		}
		return nil
	case policyPrefer:
		if err := checkPreferAfter(time.Duration(p.After)); err != nil {
			return fmt.Errorf("after: %w", err)
		}
		return c.checkInput(p.Input)
	}
	return fmt.Errorf("must be %s, but is %q", policies, p.Policy)
}

// patience is how long a viewer may take for a segment: while the playlist lists it, and as
// long as it stays available after that (RFC 8216, 6.2.2), plus what a target duration may
// exceed the desired length by.
func (e *Endpoint) patience() time.Duration {
	return 2*time.Duration(e.PlaylistWindow) + 4*time.Duration(e.SegmentDuration)
}

// runtime is the endpoint as the runtime knows it.
func (e *Endpoint) runtime(name string) channel.EndpointConfig {
	return channel.EndpointConfig{
		Name:            name,
		SegmentDuration: time.Duration(e.SegmentDuration),
		TimeDelay:       time.Duration(e.TimeDelay),
		FailoverGrace:   time.Duration(e.FailoverGrace),
		Prefer:          e.FailoverPolicy.Input,
		Hitless:         e.FailoverPolicy.Policy == policyHitless,
		OnDefect:        e.OnDefect.actions(),
		PreferAfter:     time.Duration(e.FailoverPolicy.After),
		Config: output.Config{
			PlaylistWindow:  time.Duration(e.PlaylistWindow),
			StartoverWindow: time.Duration(e.StartoverWindow),
			OnInputLoss:     output.InputLoss(e.OnInputLoss),
			Limits:          output.Limits{MinBitrate: e.StreamSelection.MinBitrate, MaxBitrate: e.StreamSelection.MaxBitrate},
			VariantOrder:    output.VariantOrder(e.StreamSelection.Order),
			IFramePlaylist:  e.IFramePlaylist,
			ManifestName:    e.ManifestName,
		},
	}
}
