package caddymodule

import (
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
	read := func() (err error) {
		switch d.Val() {
		case "node":
			err = readText(d, owner, &n.Node, literal(nats.CheckName))
		case "credentials":
			err = readText(d, owner, &n.Credentials, literal(notEmpty))
		case "user":
			err = n.unmarshalUser(d)
		case "token":
			err = readText(d, owner, &n.Token, literal(notEmpty))
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
			err = unrecognized(d, owner)
		}
		return err
	}
	if err := eachOption(d, owner, read); err != nil {
		return err
	}
	// What belongs together, as far as it can be seen before placeholders are replaced.
	if err := n.asWritten().Validate(); err != nil {
		return at.Errf("%s: %w", owner, err)
	}
	return nil
}

func (n *NATSStore) unmarshalUser(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&n.User, &n.Password) || n.User == "" || n.Password == "" {
		return d.Err("store nats: user needs a name and a password")
	}
	for _, value := range []string{n.User, n.Password} {
		if err := literal(notEmpty)(value); err != nil {
			return d.Errf("store nats: user: %w", err)
		}
	}
	return nil
}

func (n *NATSStore) unmarshalTLS(d *caddyfile.Dispenser) error {
	const owner = "store nats: tls"
	if d.NextArg() {
		return d.Err(owner + " takes no value, only a block")
	}
	n.TLS = new(NATSTLS)
	return eachOption(d, owner, func() (err error) {
		switch d.Val() {
		case "ca":
			err = readText(d, owner, &n.TLS.CA, literal(notEmpty))
		case "cert":
			err = readText(d, owner, &n.TLS.Cert, literal(notEmpty))
		case "key":
			err = readText(d, owner, &n.TLS.Key, literal(notEmpty))
		default:
			err = unrecognized(d, "store nats tls")
		}
		return err
	})
}

func (n *NATSStore) unmarshalLocal(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("store nats: local needs an engine, such as memory or file")
	}
	name := d.Val()
	if name == "nats" {
		return d.Err("store nats: local: must be an engine of one node, such as memory or file")
	}
	var err error
	n.local, n.LocalRaw, err = unmarshalEngine(d)
	return err
}

// asWritten are the options with something that is right in place of what is not known yet.
func (n *NATSStore) asWritten() nats.Options {
	o := nats.Options{
		Node: "node", Replicas: n.Replicas,
		Credentials: n.Credentials, User: n.User, Password: n.Password, Token: n.Token,
	}
	for _, server := range n.Servers {
		if !placeholder(server) {
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
