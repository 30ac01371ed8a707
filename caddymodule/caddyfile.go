package caddymodule

import (
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("live_origin", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("live_origin", httpcaddyfile.Before, "file_server")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return handler, nil
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	live_origin [<matcher>] {
//		store <engine> [<args...>] {
//			...
//		}
//		channel <name> {
//			alignment auto|timestamp|program_date_time|sequence|arrival
//			input <name> <path> {
//				basic_auth        <username> <hashed_password>
//				bearer            <tokens...>
//				allow             <addresses...>
//				max_segment_size  <size>
//				max_playlist_size <size>
//				max_renditions    <number>
//			}
//			endpoint <name> <path> {
//				segment_duration <duration>
//				playlist_window  <duration>
//				failover_grace   <duration>
//				on_input_loss    hold
//				manifest_name    <name>
//			}
//		}
//	}
//
// There may be several channels, several inputs and endpoints in each of them,
// and several lines of basic_auth, bearer and allow. Addresses are IP addresses,
// CIDR ranges or `private_ranges`. The engines `memory` and `file` have the
// syntax
//
//	store memory {
//		capacity <size>
//	}
//	store file <dir> {
//		max_size <size>
//		fsync
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	at := *d
	paths := pathSet{}
	for d.NextBlock(0) {
		switch option := d.Val(); option {
		case "store":
			if h.StoreRaw != nil {
				return d.Err("store is given twice")
			}
			if err := h.unmarshalStore(d); err != nil {
				return err
			}
		case "channel":
			if err := h.unmarshalChannel(d, paths); err != nil {
				return err
			}
		default:
			return unrecognized(d, "live_origin")
		}
	}
	if len(h.Channels) == 0 {
		return at.Err("live_origin: at least one channel is required")
	}
	return nil
}

func (h *Handler) unmarshalStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, storeNamespace+"."+name)
	if err != nil {
		return err
	}
	h.StoreRaw = caddyconfig.JSONModuleObject(module, "engine", name, nil)
	return nil
}

func (h *Handler) unmarshalChannel(d *caddyfile.Dispenser, paths pathSet) error {
	var name string
	if !d.AllArgs(&name) {
		return d.ArgErr()
	}
	if err := checkName(name); err != nil {
		return d.Errf("channel %q: %w", name, err)
	}
	if h.Channels[name] != nil {
		return d.Errf("channel %s is given twice", name)
	}
	at := *d
	c := &Channel{Endpoints: map[string]*Endpoint{}}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "alignment":
			err = readText(d, "channel "+name, &c.Alignment, checkAlignment)
		case "input":
			err = c.unmarshalInput(d, name, paths)
		case "endpoint":
			err = c.unmarshalEndpoint(d, name, paths)
		default:
			err = unrecognized(d, "channel")
		}
		if err != nil {
			return err
		}
	}
	// The errors of what is missing point at the channel, not at its closing
	// brace.
	if len(c.Inputs) == 0 {
		return at.Errf("channel %s: needs at least one input", name)
	}
	if len(c.Endpoints) == 0 {
		return at.Errf("channel %s: needs at least one endpoint", name)
	}
	if h.Channels == nil {
		h.Channels = map[string]*Channel{}
	}
	h.Channels[name] = c
	return nil
}

func (c *Channel) unmarshalInput(d *caddyfile.Dispenser, channel string, paths pathSet) error {
	in := &Input{}
	if !d.AllArgs(&in.Name, &in.Path) {
		return d.Errf("channel %s: an input needs a name and a path", channel)
	}
	owner := "channel " + channel + ", input " + in.Name
	if err := checkName(in.Name); err != nil {
		return d.Errf("%s: %w", owner, err)
	}
	if slices.ContainsFunc(c.Inputs, func(o *Input) bool { return o.Name == in.Name }) {
		return d.Errf("%s: the name is taken by another input", owner)
	}
	if err := paths.add(in.Path, owner); err != nil {
		return d.Errf("%s: path: %w", owner, err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "basic_auth":
			err = in.unmarshalAccount(d, owner)
		case "bearer":
			in.Bearer, err = readList(d, owner, in.Bearer, checkToken)
		case "allow":
			in.Allow, err = readList(d, owner, in.Allow, checkAddress)
			in.Allow = expandPrivateRanges(in.Allow)
		case "max_segment_size":
			err = readSize(d, owner, &in.MaxSegmentSize)
		case "max_playlist_size":
			err = readSize(d, owner, &in.MaxPlaylistSize)
		case "max_renditions":
			err = readNumber(d, owner, &in.MaxRenditions)
		default:
			err = unrecognized(d, "input")
		}
		if err != nil {
			return err
		}
	}
	c.Inputs = append(c.Inputs, in)
	return nil
}

func (in *Input) unmarshalAccount(d *caddyfile.Dispenser, owner string) error {
	var a Account
	if !d.AllArgs(&a.Username, &a.Password) {
		return d.Errf("%s: basic_auth needs a username and a hashed password", owner)
	}
	if a.Username == "" {
		return d.Errf("%s: basic_auth: a username is empty", owner)
	}
	if !placeholder(a.Password) {
		if _, err := hashAlgorithm(a.Password); err != nil {
			return d.Errf("%s: basic_auth: password of %q: %w", owner, a.Username, err)
		}
	}
	if slices.ContainsFunc(in.BasicAuth, func(o Account) bool { return o.Username == a.Username }) {
		return d.Errf("%s: basic_auth: %q is given twice", owner, a.Username)
	}
	in.BasicAuth = append(in.BasicAuth, a)
	return nil
}

func (c *Channel) unmarshalEndpoint(d *caddyfile.Dispenser, channel string, paths pathSet) error {
	e := &Endpoint{}
	var name string
	if !d.AllArgs(&name, &e.Path) {
		return d.Errf("channel %s: an endpoint needs a name and a path", channel)
	}
	owner := "channel " + channel + ", endpoint " + name
	if err := checkName(name); err != nil {
		return d.Errf("%s: %w", owner, err)
	}
	if c.Endpoints[name] != nil {
		return d.Errf("%s: the name is taken by another endpoint", owner)
	}
	if err := paths.add(e.Path, owner); err != nil {
		return d.Errf("%s: path: %w", owner, err)
	}
	at := *d
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "segment_duration":
			err = readDuration(d, owner, &e.SegmentDuration, checkSegmentDuration)
		case "playlist_window":
			at = *d // the line to point at
			err = readDuration(d, owner, &e.PlaylistWindow, positiveDuration)
		case "failover_grace":
			err = readDuration(d, owner, &e.FailoverGrace, positiveDuration)
		case "on_input_loss":
			err = readText(d, owner, &e.OnInputLoss, checkOnInputLoss)
		case "manifest_name":
			err = readText(d, owner, &e.ManifestName, checkManifestName)
		default:
			err = unrecognized(d, "endpoint")
		}
		if err != nil {
			return err
		}
	}
	complete := *e
	complete.setDefaults()
	if err := checkPlaylistWindow(complete.PlaylistWindow, complete.SegmentDuration); err != nil {
		return at.Errf("%s: playlist_window: %w", owner, err)
	}
	c.Endpoints[name] = e
	return nil
}

func positiveDuration(d time.Duration) error { return checkPositive(int64(d)) }

func checkAddress(expr string) error {
	if expr == privateRanges {
		return nil
	}
	_, err := caddyhttp.CIDRExpressionToPrefix(expr)
	return err
}

const privateRanges = "private_ranges"

func expandPrivateRanges(list []string) []string {
	i := slices.Index(list, privateRanges)
	if i < 0 {
		return list
	}
	return slices.Replace(list, i, i+1, caddyhttp.PrivateRangesCIDR()...)
}

// placeholder reports whether the value is only known when the config is loaded.
func placeholder(v string) bool { return strings.Contains(v, "{") }
