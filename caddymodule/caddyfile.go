package caddymodule

import (
	"encoding/json"

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
	if err := handler.unmarshal(h.Dispenser, stateOf(h.State)); err != nil {
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
	return h.unmarshal(d, newCaddyfileState())
}

func (h *Handler) unmarshal(d *caddyfile.Dispenser, f *caddyfileState) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	at := *d
	b := newBlock(f, at)
	engine := Engine(new(MemoryStore))
	read := func() (err error) {
		switch d.Val() {
		case "store":
			b.stored = *d
			engine, err = h.unmarshalStore(d)
		case "status":
			h.Status = &StatusPage{}
			h.Status.Path, err = readPath(d, b.paths, "the status page")
		case "health":
			h.Health, err = readPath(d, b.paths, "the health check")
		case "channel":
			err = h.unmarshalChannel(d, b)
		default:
			err = unrecognized(d, "live_origin")
		}
		return err
	}
	if err := eachOption(d, "live_origin", read, "channel"); err != nil {
		return err
	}
	if len(h.Channels) == 0 {
		return at.Err("live_origin: at least one channel is required")
	}
	return b.check(engine)
}

func (h *Handler) unmarshalStore(d *caddyfile.Dispenser) (Engine, error) {
	if !d.NextArg() {
		return nil, d.ArgErr()
	}
	engine, raw, err := unmarshalEngine(d)
	h.StoreRaw = raw
	return engine, err
}

// unmarshalEngine reads an engine with its options. The dispenser stands at its name.
func unmarshalEngine(d *caddyfile.Dispenser) (Engine, json.RawMessage, error) {
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, storeNamespace+"."+name)
	if err != nil {
		return nil, nil, err
	}
	engine, ok := module.(Engine)
	if !ok {
		return nil, nil, d.Errf("store %s is not an engine", name)
	}
	return engine, caddyconfig.JSONModuleObject(module, "engine", name, nil), nil
}

// readPath reads the path of something that belongs to no channel.
func readPath(d *caddyfile.Dispenser, paths pathSet, owner string) (string, error) {
	option, path, err := single(d, "live_origin")
	if err != nil {
		return "", err
	}
	if err := paths.add(path, owner); err != nil {
		return "", d.Errf("%s: path: %w", option, err)
	}
	return path, nil
}

func (h *Handler) unmarshalChannel(d *caddyfile.Dispenser, b *block) error {
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
	at, owner := *d, "channel "+name
	c := &Channel{Endpoints: map[string]*Endpoint{}}
	var preferred []mention
	read := func() (err error) {
		switch d.Val() {
		case "alignment":
			err = readText(d, owner, &c.Alignment, checkAlignment)
		case "capacity":
			b.guaranteed = *d
			err = readSize(d, owner, &c.Capacity, checkCapacity)
		case "trace":
			c.Trace = &Trace{}
			b.traces = append(b.traces, traceLine{at: *d, channel: name, trace: c.Trace})
			err = c.Trace.unmarshal(d, owner)
		case "input":
			err = c.unmarshalInput(d, name, b)
		case "endpoint":
			var mentions []mention
			mentions, err = c.unmarshalEndpoint(d, name, b.paths)
			preferred = append(preferred, mentions...)
		default:
			err = unrecognized(d, "live_origin channel")
		}
		return err
	}
	if err := eachOption(d, owner, read, "input", "endpoint"); err != nil {
		return err
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
	b.channels = append(b.channels, channelLine{at, name, c})
	b.guarantees[name] = c.Capacity
	return nil
}
