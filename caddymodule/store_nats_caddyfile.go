package caddymodule

import (
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
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
func (n *NATSStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	const owner = "store nats"
	d.Next() // the engine's name
	at := *d
	for _, server := range d.RemainingArgs() {
		if err := literal(nats.CheckServer)(server); err != nil {
			return d.Errf("%s: %w", owner, err)
		}
		n.Servers = append(n.Servers, server)
	}
	for d.NextBlock(0) {
		var err error
		switch option := d.Val(); option {
		case "node":
			err = readText(d, owner, &n.Node, literal(nats.CheckName))
		case "credentials":
			err = readText(d, owner, &n.Credentials, notEmpty)
		case "user":
			err = n.unmarshalUser(d)
		case "token":
			err = readText(d, owner, &n.Token, notEmpty)
		case "tls":
			err = n.unmarshalTLS(d)
		case "prefix":
			err = readText(d, owner, &n.Prefix, literal(nats.CheckName))
		case "replicas":
			err = readNumber(d, owner, &n.Replicas, nats.CheckReplicas)
		case "max_size":
			err = readSize(d, owner, &n.MaxSize, checkMaxSize)
		case "peer_address":
			err = readText(d, owner, &n.PeerAddress, literal(nats.CheckPeerAddress))
		case "backup_size":
			err = readSize(d, owner, &n.BackupSize, checkMaxSize)
		case "local":
			err = n.unmarshalLocal(d)
		default:
			err = d.Errf("unrecognized store nats subdirective '%s'", option)
		}
		if err != nil {
			return err
		}
	}
	// What belongs together, as far as it can be seen before placeholders are replaced.
	if err := n.asWritten().Validate(); err != nil {
		return at.Errf("%s: %w", owner, err)
	}
	return nil
}

func (n *NATSStore) unmarshalUser(d *caddyfile.Dispenser) error {
	if n.User != "" {
		return d.Err("store nats: user is given twice")
	}
	if !d.AllArgs(&n.User, &n.Password) || n.User == "" || n.Password == "" {
		return d.Err("store nats: user needs a name and a password")
	}
	return nil
}

func (n *NATSStore) unmarshalTLS(d *caddyfile.Dispenser) error {
	const owner = "store nats: tls"
	if n.TLS != nil {
		return d.Err(owner + " is given twice")
	}
	if d.NextArg() {
		return d.Err(owner + " takes no value, only a block")
	}
	n.TLS = new(NATSTLS)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "ca":
			err = readText(d, owner, &n.TLS.CA, notEmpty)
		case "cert":
			err = readText(d, owner, &n.TLS.Cert, notEmpty)
		case "key":
			err = readText(d, owner, &n.TLS.Key, notEmpty)
		default:
			err = d.Errf("unrecognized store nats tls subdirective '%s'", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *NATSStore) unmarshalLocal(d *caddyfile.Dispenser) error {
	if n.LocalRaw != nil {
		return d.Err("store nats: local is given twice")
	}
	if !d.NextArg() {
		return d.Err("store nats: local needs an engine, such as memory or file")
	}
	name := d.Val()
	if name == "nats" {
		return d.Err("store nats: local: must be an engine of one node, such as memory or file")
	}
	module, err := caddyfile.UnmarshalModule(d, storeNamespace+"."+name)
	if err != nil {
		return err
	}
	n.LocalRaw = caddyconfig.JSONModuleObject(module, "engine", name, nil)
	return nil
}

// asWritten are the options with something that is right in place of what is not known yet.
func (n *NATSStore) asWritten() nats.Options {
	o := nats.Options{
		Node: "node", Replicas: n.Replicas,
		Credentials: n.Credentials, User: n.User, Password: n.Password, Token: n.Token,
	}
	for _, server := range n.Servers {
		if !hasPlaceholder(server) {
			o.Servers = append(o.Servers, server)
		}
	}
	if len(n.Servers) > len(o.Servers) && len(o.Servers) == 0 {
		o.Servers = []string{"nats://placeholder"}
	}
	if n.TLS != nil {
		o.TLS = &nats.TLS{CA: n.TLS.CA, Cert: n.TLS.Cert, Key: n.TLS.Key}
	}
	return o
}

// literal is a check that leaves out what has placeholders: they are replaced later, and
// then it is checked.
func literal(check func(string) error) func(string) error {
	return func(value string) error {
		if hasPlaceholder(value) {
			return nil
		}
		return check(value)
	}
}

func hasPlaceholder(value string) bool { return strings.Contains(value, "{") }

func notEmpty(value string) error {
	if value == "" {
		return errors.New("must not be empty")
	}
	return nil
}
