package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// mention is a place that names an input. Inputs may come later in the file, so
// it is checked at the channel's end.
type mention struct {
	at           caddyfile.Dispenser
	owner, input string
}

// unmarshalEndpoint reads an endpoint. mentions are the inputs that it names.
func (c *Channel) unmarshalEndpoint(d *caddyfile.Dispenser, channel string, paths pathSet) (mentions []mention, err error) {
	e := &Endpoint{}
	var name string
	if !d.AllArgs(&name, &e.Path) {
		return nil, d.Errf("channel %s: an endpoint needs a name and a path", channel)
	}
	owner := "channel " + channel + ", endpoint " + name
	if err := checkName(name); err != nil {
		return nil, d.Errf("%s: %w", owner, err)
	}
	if c.Endpoints[name] != nil {
		return nil, d.Errf("%s: the name is taken by another endpoint", owner)
	}
	if err := paths.add(e.Path, owner); err != nil {
		return nil, d.Errf("%s: path: %w", owner, err)
	}
	// Where the options are, for the errors of those that do not go together.
	start, lines := *d, map[string]caddyfile.Dispenser{}
	read := func() error {
		lines[d.Val()] = *d
		return e.unmarshalOption(d, owner)
	}
	if err := eachOption(d, owner, read, "on_defect"); err != nil {
		return nil, err
	}
	at := func(option string) *caddyfile.Dispenser {
		if line, ok := lines[option]; ok {
			return &line
		}
		return &start
	}
	complete := *e
	complete.setDefaults()
	if err := checkPlaylistWindow(complete.PlaylistWindow, complete.SegmentDuration); err != nil {
		return nil, at("playlist_window").Errf("%s: playlist_window: %w", owner, err)
	}
	if err := checkDelayInWindow(e.TimeDelay, e.StartoverWindow); err != nil {
		return nil, at("time_delay").Errf("%s: time_delay: %w", owner, err)
	}
	if e.FailoverPolicy.Input != "" {
		mentions = []mention{{at: *at("failover_policy"), owner: owner, input: e.FailoverPolicy.Input}}
	}
	c.Endpoints[name] = e
	return mentions, nil
}

// unmarshal reads what follows failover_policy: sticky, hitless, or
// prefer <input> [after <duration>].
func (p *FailoverPolicy) unmarshal(d *caddyfile.Dispenser, owner string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: failover_policy needs a policy: %s", owner, policies)
	}
	p.Policy, args = args[0], args[1:]
	switch {
	case p.Policy == policySticky || p.Policy == policyHitless:
		if len(args) > 0 {
			return d.Errf("%s: failover_policy: %s takes nothing more", owner, p.Policy)
		}
		return nil
	case p.Policy != policyPrefer:
		return d.Errf("%s: failover_policy: must be %s, but is %q", owner, policies, p.Policy)
	case len(args) != 1 && (len(args) != 3 || args[1] != "after"):
		return d.Errf("%s: failover_policy: write %s <input> [after <duration>]", owner, policyPrefer)
	}
	if err := checkName(args[0]); err != nil {
		return d.Errf("%s: failover_policy: %w", owner, err)
	}
	p.Input = args[0]
	if len(args) == 1 {
		return nil
	}
	after, err := caddy.ParseDuration(args[2])
	if err != nil {
		return d.Errf("%s: failover_policy: after: %q is not a duration such as 30s", owner, args[2])
	}
	if err := checkPreferAfter(after); err != nil {
		return d.Errf("%s: failover_policy: after: %w", owner, err)
	}
	p.After = caddy.Duration(after)
	return nil
}
