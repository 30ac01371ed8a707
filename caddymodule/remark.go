package caddymodule

import (
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

var overLimit = counterByWord("over_limit_total",
	"How often something of an input was dropped because it was over a limit, by limit.",
	labelStore, labelChannel, labelInput, "limit")

// remarkStatus is what was noticed about an input or endpoint: what changes nothing by
// itself, and what was dropped over a limit.
type remarkStatus struct {
	What      string    `json:"what"`
	Rendition string    `json:"rendition,omitempty"`
	Path      string    `json:"path,omitempty"`
	Text      string    `json:"text"`
	Count     uint64    `json:"count"`
	Last      time.Time `json:"last"`
}

// addRemarks puts them into the status of their channel.
func (c *channelStatus) addRemarks(remarks []channel.Remark) {
	for _, r := range remarks {
		shown := remarkStatus{
			What: string(r.Kind), Rendition: r.Rendition, Path: r.Path, Text: r.Text, Count: r.Count, Last: r.Time.UTC(),
		}
		for i := range c.Inputs {
			if in := &c.Inputs[i]; in.Name == r.Input {
				in.Noticed = append(in.Noticed, shown)
			}
		}
		for i := range c.Endpoints {
			if e := &c.Endpoints[i]; r.Input == "" && e.Name == r.Endpoint {
				e.Noticed = append(e.Noticed, shown)
			}
		}
	}
}
