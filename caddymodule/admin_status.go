package caddymodule

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// What the admin API shows. Names and meanings are part of the API: they are
// documented in docs/operations.md. Durations are in seconds; times are RFC 3339 in UTC,
// and left out where there is none.

type channelStatus struct {
	Name  string `json:"name"`
	Store string `json:"store"`
	// Up: at least one input is.
	Up        bool             `json:"up"`
	Inputs    []inputStatus    `json:"inputs"`
	Pairs     []pairStatus     `json:"pairs"`
	Endpoints []endpointStatus `json:"endpoints"`
	// Nodes are those that run the channel; left out where there is one only.
	Nodes *channel.NodesStatus `json:"nodes,omitempty"`
	// Decisions are the last changes of active inputs, the oldest first. Only the
	// status of a single channel has them.
	Decisions []decision `json:"decisions,omitzero"`
}

type inputStatus struct {
	Name            string            `json:"name"`
	Up              bool              `json:"up"`
	Ended           bool              `json:"ended"`
	LastSegment     time.Time         `json:"last_segment,omitzero"`
	LatenessSeconds float64           `json:"lateness_seconds"`
	WholeSeconds    float64           `json:"whole_seconds"`
	Generation      uint64            `json:"generation"`
	Basis           string            `json:"basis,omitempty"`
	Bitrate         uint64            `json:"bitrate"`
	Faults          map[string]uint64 `json:"faults"`
	Renditions      []renditionStatus `json:"renditions"`
	// Waiting is what it has been waiting for, for more than two segment lengths.
	Waiting []waitStatus `json:"waiting,omitempty"`
	// Noticed is what was noticed within the last day, the newest first.
	Noticed []remarkStatus `json:"noticed,omitempty"`
}

type renditionStatus struct {
	Path                   string  `json:"path"`
	SegmentDurationSeconds float64 `json:"segment_duration_seconds"`
	Bitrate                uint64  `json:"bitrate"`
	Listed                 bool    `json:"listed"`
}

type pairStatus struct {
	A             string  `json:"a"`
	B             string  `json:"b"`
	State         string  `json:"state"`
	Detail        string  `json:"detail,omitempty"`
	OffsetSeconds float64 `json:"offset_seconds"`
	DriftSeconds  float64 `json:"drift_seconds"`
}

type endpointStatus struct {
	Name                  string    `json:"name"`
	Active                string    `json:"active,omitempty"`
	Ordered               string    `json:"ordered,omitempty"`
	Pinned                bool      `json:"pinned"`
	NextMSN               uint64    `json:"next_msn"`
	End                   time.Time `json:"end,omitzero"`
	Slots                 uint64    `json:"slots"`
	Discontinuities       uint64    `json:"discontinuities"`
	TargetDurationSeconds int       `json:"target_duration_seconds"`
	LastSwitch            *decision `json:"last_switch,omitempty"`
	// Noticed is as for an input.
	Noticed []remarkStatus `json:"noticed,omitempty"`
	// Hitless is set if that is the endpoint's policy.
	Hitless *protection `json:"hitless,omitempty"`
}

// protection says whether the loss of the active input would make a slot late.
type protection struct {
	Protected bool   `json:"protected"`
	Why       string `json:"why,omitempty"`
}

// describe is all that is known of a channel, but its decisions.
func describe(key channelKey, c *channel.Channel) channelStatus {
	s := statusOfChannel(key, c.Status())
	s.Nodes = c.Nodes()
	s.addWaits(c.Waits())
	s.addRemarks(c.Remarks())
	return s
}

func statusOfChannel(key channelKey, s failover.Status) channelStatus {
	c := channelStatus{
		Name: key.name, Store: key.store,
		Inputs: []inputStatus{}, Pairs: []pairStatus{}, Endpoints: []endpointStatus{},
	}
	for _, in := range s.Inputs {
		c.Up = c.Up || in.Up
		c.Inputs = append(c.Inputs, statusOfInput(in))
	}
	for _, p := range s.Pairs {
		c.Pairs = append(c.Pairs, pairStatus{
			A: p.A, B: p.B, State: string(p.State), Detail: p.Detail,
			OffsetSeconds: p.Offset.Seconds(), DriftSeconds: p.Drift.Seconds(),
		})
	}
	for _, e := range s.Endpoints {
		c.Endpoints = append(c.Endpoints, statusOfEndpoint(e))
	}
	return c
}

func statusOfInput(in failover.InputStatus) inputStatus {
	s := inputStatus{
		Name: in.Name, Up: in.Up, Ended: in.Ended, LastSegment: in.LastSegment.UTC(),
		LatenessSeconds: in.Lateness.Seconds(), WholeSeconds: in.Whole.Seconds(),
		Generation: in.Generation, Basis: string(in.Basis), Bitrate: in.Bitrate,
		Faults: map[string]uint64{}, Renditions: []renditionStatus{},
	}
	for why, n := range in.Faults {
		s.Faults[bounded(failover.MissingReasons(), why)] += n
	}
	for _, r := range in.Renditions {
		s.Renditions = append(s.Renditions, renditionStatus{
			Path: r.Path, SegmentDurationSeconds: r.SegmentDuration.Seconds(), Bitrate: r.Bitrate, Listed: r.Listed,
		})
	}
	return s
}

func statusOfEndpoint(e failover.EndpointStatus) endpointStatus {
	s := endpointStatus{
		Name: e.Name, Active: e.Active, Ordered: e.Ordered, Pinned: e.Pinned, NextMSN: e.NextMSN,
		End: e.End.UTC(), Slots: e.Slots, Discontinuities: e.Discontinuities, TargetDurationSeconds: e.TargetDuration,
	}
	if e.LastSwitch != nil {
		d := decisionOf(*e.LastSwitch)
		s.LastSwitch = &d
	}
	if p := e.Protection; p != nil {
		s.Hitless = &protection{p.Protected, p.Why}
	}
	return s
}
