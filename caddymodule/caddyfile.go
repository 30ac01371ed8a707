package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("live_origin", parseCaddyfile)
	// Before all that answers every path of a site: what belongs to no channel is passed on.
	// After `abort` and `error`, which keep clients away.
	httpcaddyfile.RegisterDirectiveOrder("live_origin", httpcaddyfile.Before, "respond")
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
//		status <path>
//		health <path>
//		channel <name> {
//			capacity  <size>
//			alignment auto|timestamp|program_date_time|sequence|arrival
//			trace <file> {
//				roll_size <size>
//				roll_keep <number>
//			}
//			input <name> <path> {
//				basic_auth        <username> <hashed_password>
//				digest            <username> <password>
//				bearer            <tokens...>
//				allow             <addresses...>
//				max_segment_size  <size>
//				max_playlist_size <size>
//				max_renditions    <number>
//				max_uploads       <number>
//				min_upload_rate   <size>|off
//				max_unlisted_size <size>
//			}
//			endpoint <name> <path> {
//				...
//			}
//		}
//	}
//
// There may be several channels, several inputs and endpoints in each of them,
// and several lines of basic_auth, digest, bearer and allow. Addresses are IP addresses,
// CIDR ranges or `private_ranges`. The options of an endpoint are those of [Endpoint]. The
// engines `memory`, `file` and `nats` have the syntax
//
//	store memory {
//		capacity <size>
//	}
//	store file <dir> {
//		max_size <size>
//		fsync
//	}
//	store nats <urls...> {
//		node         <name>
//		credentials  <file>
//		user         <name> <password>
//		token        <token>
//		tls {
//			ca   <file>
//			cert <file>
//			key  <file>
//		}
//		prefix       <prefix>
//		replicas     <number>
//		max_size     <size>
//		peer_address <url>
//		backup_size  <size>
//		local        <engine> [<args...>] {
//			...
//		}
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
		case "status":
			if err := h.unmarshalStatus(d, paths); err != nil {
				return err
			}
		case "health":
			if err := h.unmarshalHealth(d, paths); err != nil {
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

func (h *Handler) unmarshalStatus(d *caddyfile.Dispenser, paths pathSet) error {
	_, path, err := single(d, "live_origin", h.Status != nil)
	if err != nil {
		return err
	}
	if err := paths.add(path, "the status page"); err != nil {
		return d.Errf("status: path: %w", err)
	}
	h.Status = &StatusPage{Path: path}
	return nil
}

func (h *Handler) unmarshalHealth(d *caddyfile.Dispenser, paths pathSet) error {
	_, path, err := single(d, "live_origin", h.Health != "")
	if err != nil {
		return err
	}
	if err := paths.add(path, "the health check"); err != nil {
		return d.Errf("health: path: %w", err)
	}
	h.Health = path
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
	var preferred []mention
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "alignment":
			err = readText(d, "channel "+name, &c.Alignment, checkAlignment)
		case "capacity":
			err = readSize(d, "channel "+name, &c.Capacity, checkCapacity)
		case "trace":
			if c.Trace != nil {
				return d.Errf("channel %s: trace is given twice", name)
			}
			c.Trace = &Trace{}
			err = c.Trace.unmarshal(d, "channel "+name)
		case "input":
			err = c.unmarshalInput(d, name, paths)
		case "endpoint":
			var mentions []mention
			mentions, err = c.unmarshalEndpoint(d, name, paths)
			preferred = append(preferred, mentions...)
		default:
			err = unrecognized(d, "channel")
		}
		if err != nil {
			return err
		}
	}
	// Errors about what is missing point at the channel, not at its closing brace.
	if len(c.Inputs) == 0 {
		return at.Errf("channel %s: needs at least one input", name)
	}
	if len(c.Endpoints) == 0 {
		return at.Errf("channel %s: needs at least one endpoint", name)
	}
	for _, p := range preferred {
		if err := c.checkInput(p.input); err != nil {
			return p.at.Errf("%s: failover_policy: %w", p.owner, err)
		}
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
		case "digest":
			err = in.unmarshalDigest(d, owner)
		case "bearer":
			in.Bearer, err = readList(d, owner, in.Bearer, checkToken)
		case "allow":
			in.Allow, err = readList(d, owner, in.Allow, checkAddress)
			in.Allow = expandPrivateRanges(in.Allow)
		case "max_segment_size":
			err = readSize(d, owner, &in.MaxSegmentSize, checkSegmentSize)
		case "max_playlist_size":
			err = readSize(d, owner, &in.MaxPlaylistSize, checkPlaylistSize)
		case "max_renditions":
			err = readNumber(d, owner, &in.MaxRenditions, checkRenditions)
		case "max_uploads":
			err = readNumber(d, owner, &in.MaxUploads, checkUploads)
		case "min_upload_rate":
			err = in.unmarshalUploadRate(d, owner)
		case "max_unlisted_size":
			err = readSize(d, owner, &in.MaxUnlistedSize, checkUnlistedSize)
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
	if !placeholder(a.Username) {
		if err := checkUsername(a.Username); err != nil {
			return d.Errf("%s: basic_auth: %w", owner, err)
		}
	}
	if !placeholder(a.Password) {
		if _, _, err := parseHash(a.Password); err != nil {
			return d.Errf("%s: basic_auth: password of %q: %w", owner, a.Username, err)
		}
	}
	if slices.ContainsFunc(in.BasicAuth, func(o Account) bool { return o.Username == a.Username }) {
		return d.Errf("%s: basic_auth: %q is given twice", owner, a.Username)
	}
	in.BasicAuth = append(in.BasicAuth, a)
	return nil
}

func (in *Input) unmarshalDigest(d *caddyfile.Dispenser, owner string) error {
	var a DigestAccount
	if !d.AllArgs(&a.Username, &a.Password) {
		return d.Errf("%s: digest needs a username and a password", owner)
	}
	if slices.ContainsFunc(in.Digest, func(o DigestAccount) bool { return o.Username == a.Username }) {
		return d.Errf("%s: digest: %q is given twice", owner, a.Username)
	}
	if !placeholder(a.Username) && !placeholder(a.Password) {
		if _, err := newDigestAccounts([]DigestAccount{a}); err != nil {
			return d.Errf("%s: digest: %w", owner, err)
		}
	}
	in.Digest = append(in.Digest, a)
	return nil
}

// unmarshalUploadRate reads a rate in bytes per second, or off.
func (in *Input) unmarshalUploadRate(d *caddyfile.Dispenser, owner string) error {
	option, arg, err := single(d, owner, in.MinUploadRate != nil)
	if err != nil {
		return err
	}
	rate := int64(0)
	if arg != "off" {
		if rate, err = parseSize(arg); err == nil {
			err = checkUploadRate(rate)
		}
		if err != nil {
			return d.Errf("%s: %s: %w", owner, option, err)
		}
	}
	in.MinUploadRate = &rate
	return nil
}

func checkAddress(expr string) error {
	if expr == privateRanges {
		return nil
	}
	_, err := caddyhttp.CIDRExpressionToPrefix(expr)
	return err
}

const privateRanges = "private_ranges"

func expandPrivateRanges(list []string) []string {
	for i := slices.Index(list, privateRanges); i >= 0; i = slices.Index(list, privateRanges) {
		list = slices.Replace(list, i, i+1, caddyhttp.PrivateRangesCIDR()...)
	}
	return list
}

// placeholder reports whether the value is only known when the config is loaded.
func placeholder(v string) bool { return strings.Contains(v, "{") }
