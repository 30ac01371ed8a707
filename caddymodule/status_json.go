package caddymodule

import (
	"encoding/json"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/activity"
)

// What the status page gets. It is not an API: page and origin are one binary. Times on the
// strip are milliseconds since 1970, as in browsers.

const (
	// shownStrip is how far back a page gets every segment; of what went wrong, it gets all
	// that the channel remembers.
	shownStrip = 3 * time.Minute
	// shownSwitches is how many switches a page gets.
	shownSwitches = 50
)

type pageSnapshot struct {
	Now      float64       `json:"now"`
	Controls string        `json:"controls,omitempty"`
	Channels []pageChannel `json:"channels"`
	// Names are those of all channels, which may be too many to show.
	Names []string `json:"names"`
}

// pageChannel is what a page gets once about a channel.
type pageChannel struct {
	Name      string         `json:"name"`
	Endpoints []pageEndpoint `json:"endpoints"`
	Status    *pageStatus    `json:"status"`
	Decisions []decision     `json:"decisions"`
	Entries   []pageEntry    `json:"entries"`
}

type pageEndpoint struct {
	Name string `json:"name"`
	// Playlist is relative to the page.
	Playlist               string  `json:"playlist"`
	SegmentDurationSeconds float64 `json:"segment_duration_seconds"`
	// GraceSeconds is left out where the grace is half of the output segment.
	GraceSeconds float64 `json:"grace_seconds,omitempty"`
	DelaySeconds float64 `json:"delay_seconds"`
}

// pageStatus is what a page gets again and again about a channel.
type pageStatus struct {
	channelStatus
	// Store is not for the page: where it is, is nobody's business here.
	Store    *string       `json:"store,omitempty"`
	Counters *pageCounters `json:"counters,omitempty"`
}

type pageCounters struct {
	Since     time.Time                       `json:"since"`
	Inputs    map[string]pageInputCounters    `json:"inputs"`
	Endpoints map[string]pageEndpointCounters `json:"endpoints"`
}

type pageInputCounters struct {
	Segments uint64            `json:"segments"`
	Bytes    uint64            `json:"bytes"`
	Late     uint64            `json:"late"`
	Missing  uint64            `json:"missing"`
	Refused  uint64            `json:"refused"`
	Unlisted uint64            `json:"unlisted"`
	Unsound  map[string]uint64 `json:"unsound,omitempty"`
	Defects  map[string]uint64 `json:"defects,omitempty"`
	// First is where its first segment begins.
	First float64 `json:"first,omitempty"`
}

type pageEndpointCounters struct {
	Slots    uint64 `json:"slots"`
	Gaps     uint64 `json:"gaps"`
	GivenUp  uint64 `json:"given_up"`
	Switches uint64 `json:"switches"`
	Patched  uint64 `json:"patched"`
}

type pageActivity struct {
	Channel string      `json:"channel"`
	Entries []pageEntry `json:"entries"`
}

// pageEntry is an activity.Entry. Which of its fields are set depends on its kind.
type pageEntry struct {
	Number uint64  `json:"n"`
	Time   float64 `json:"t"`
	// Kind is segment, slot, given_up, input, pair, generation, protection or degraded.
	Kind      string  `json:"kind"`
	Input     string  `json:"input,omitempty"`
	Endpoint  string  `json:"endpoint,omitempty"`
	State     string  `json:"state,omitempty"`
	Rendition string  `json:"rendition,omitempty"`
	Path      string  `json:"path,omitempty"`
	MSN       uint64  `json:"msn,omitempty"`
	Start     float64 `json:"start,omitempty"`
	End       float64 `json:"end,omitempty"`
	// Lateness, Usual and Late are in seconds.
	Lateness      float64   `json:"lateness,omitempty"`
	Usual         float64   `json:"usual,omitempty"`
	Late          float64   `json:"late,omitempty"`
	Lost          float64   `json:"lost,omitempty"`
	Size          int64     `json:"size,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	Defects       string    `json:"defects,omitempty"`
	Detail        string    `json:"detail,omitempty"`
	Discontinuity bool      `json:"discontinuity,omitempty"`
	Gap           bool      `json:"gap,omitempty"`
	Gaps          int       `json:"gaps,omitempty"`
	Sources       []string  `json:"sources,omitempty"`
	Protected     bool      `json:"protected,omitempty"`
	Up            bool      `json:"up,omitempty"`
	Decision      *decision `json:"decision,omitempty"`
	A             string    `json:"a,omitempty"`
	B             string    `json:"b,omitempty"`
}

func millis(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

func mediaMillis(t failover.Ticks) float64 { return float64(t) / (failover.ClockRate / 1000) }

// snapshot is all that a page has to know to begin with. The list continues from here.
func (p *statusPage) snapshot(list []*streamed) pageSnapshot {
	now := time.Now()
	s := pageSnapshot{Now: millis(now), Controls: p.controls, Channels: []pageChannel{}, Names: []string{}}
	for _, c := range p.channels {
		s.Names = append(s.Names, c.name)
	}
	for _, c := range list {
		pc := pageChannel{Name: c.name, Endpoints: c.endpoints, Decisions: []decision{}, Entries: []pageEntry{}}
		c.next = 0
		entries, _ := c.read()
		for _, e := range entries {
			if e.Time >= millis(now.Add(-shownStrip)) || e.remarkable() {
				pc.Entries = append(pc.Entries, e)
			}
		}
		decisions := c.channel().Decisions()
		for _, d := range decisions[max(0, len(decisions)-shownSwitches):] {
			pc.Decisions = append(pc.Decisions, decisionOf(d))
		}
		pc.Status = c.status()
		s.Channels = append(s.Channels, pc)
	}
	return s
}

// remarkable reports whether the entry is out of the ordinary.
func (out *pageEntry) remarkable() bool {
	switch out.Kind {
	case "segment":
		return out.State != string(activity.Arrived)
	case "slot":
		return out.Gap || out.Decision != nil
	}
	return true
}

func (w *watched) status() *pageStatus {
	s := &pageStatus{channelStatus: describe(w.use.key, w.channel())}
	s.Name = w.name
	if a := w.channel().Activity(); a != nil {
		s.Counters = countersOf(a.Counters())
	}
	return s
}

// currentStatuses is the state of all channels. Pages that ask at the same time get
// the same text.
func (p *statusPage) currentStatuses(now time.Time) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.taken) < statusInterval/2 {
		return p.statuses
	}
	all := struct {
		Now      float64       `json:"now"`
		Channels []*pageStatus `json:"channels"`
	}{Now: millis(now)}
	for _, c := range p.channels {
		all.Channels = append(all.Channels, c.status())
	}
	text, err := json.Marshal(all)
	if err != nil {
		return []byte("{}") // numbers are finite, so it can't happen
	}
	p.taken, p.statuses = now, text
	return text
}

func countersOf(c activity.Counters) *pageCounters {
	out := &pageCounters{Since: c.Since.UTC(), Inputs: map[string]pageInputCounters{}, Endpoints: map[string]pageEndpointCounters{}}
	for name, in := range c.Inputs {
		shown := pageInputCounters{
			Segments: in.Segments, Bytes: in.Bytes, Late: in.Late, Missing: in.Missing,
			Refused: in.Refused, Unlisted: in.Unlisted, Unsound: in.Unsound, Defects: in.Defects,
		}
		if in.First != 0 {
			shown.First = mediaMillis(in.First)
		}
		out.Inputs[name] = shown
	}
	for name, e := range c.Endpoints {
		out.Endpoints[name] = pageEndpointCounters(e)
	}
	return out
}

func entryOf(e *activity.Entry) pageEntry {
	out := pageEntry{Number: e.Number, Time: millis(e.Time)}
	switch {
	case e.Segment != nil:
		out.ofSegment(e.Segment)
	case e.Slot != nil:
		out.ofSlot(e.Slot)
	default:
		out.ofEffect(e.Effect)
	}
	return out
}

func (out *pageEntry) ofSegment(s *activity.Segment) {
	out.Kind, out.Input, out.State = "segment", s.Input, string(s.State)
	out.Rendition, out.Path, out.MSN = s.Rendition, s.Path, s.Number
	out.Size, out.Reason = s.Size, s.Reason
	out.Defects, out.Detail = joined(s.Defects), s.Detail
	if s.Placed {
		out.Start, out.End = mediaMillis(s.Start), mediaMillis(s.End)
		out.Lateness, out.Usual = s.Lateness.Seconds(), s.Usual.Seconds()
	}
}

func (out *pageEntry) ofSlot(s *activity.Slot) {
	out.Kind, out.Endpoint, out.Input, out.MSN = "slot", s.Endpoint, s.Input, s.MSN
	out.Start, out.End = mediaMillis(s.Start), mediaMillis(s.End)
	out.Discontinuity, out.Gap, out.Gaps = s.Discontinuity, s.Gap, s.Gaps
	out.Sources = s.Sources
	out.Late, out.Lost = s.Late.Seconds(), s.Lost.Seconds()
	if s.Switch != nil {
		d := decisionOf(*s.Switch)
		out.Decision = &d
	}
}

func (out *pageEntry) ofEffect(effect failover.Effect) {
	switch e := effect.(type) {
	case failover.SlotGivenUp:
		out.Kind, out.Endpoint = "given_up", e.Endpoint
		out.Start, out.End = mediaMillis(e.Start), mediaMillis(e.End)
	case failover.InputChanged:
		out.Kind, out.Input, out.Up, out.Reason = "input", e.Input, e.Up, e.Reason
	case failover.PairChanged:
		out.Kind, out.A, out.B, out.State, out.Reason = "pair", e.A, e.B, string(e.State), e.Detail
	case failover.Degraded:
		out.Kind, out.Input, out.Defects, out.Detail = "degraded", e.Input, joined(e.Defects), e.Detail
	case failover.ProtectionChanged:
		out.Kind, out.Endpoint, out.Protected, out.Reason = "protection", e.Endpoint, e.Protected, e.Why
	case failover.GenerationStarted:
		out.Kind, out.Input, out.Reason = "generation", e.Input, string(e.Reason)
		out.Rendition, out.Path = e.Rendition, e.Segment
	}
}
