package caddymodule

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

func init() {
	caddy.RegisterModule(NATSStore{})
}

// NATSStore makes any number of Caddy nodes with the same config one origin. They keep their
// decisions together in a NATS cluster with JetStream, version 2.11 or later, which you run:
// three servers or more, on the same machines or elsewhere. Segments stay with the nodes, each
// of which fetches what it lacks from another one.
//
// No upload waits for NATS. If the servers are away, also when Caddy starts, each node goes on
// alone, and a warning says so.
type NATSStore struct {
	// The URLs of the NATS servers, all of them, the nearest one first: `nats`, `tls`, `ws` or
	// `wss`, a host, and a port. Required.
	Servers []string `json:"servers,omitempty"`

	// The name of this node, which must differ from those of all others: up to 64 letters,
	// digits, `-` and `_`. Default: the host name, with `-` for every dot.
	Node string `json:"node,omitempty"`

	// The file with the node's NATS credentials, as `nsc` writes it. Of `credentials`, `user`
	// and `token`, at most one can be used. Default: none.
	Credentials string `json:"credentials,omitempty"`

	// The user that the node logs in as. Default: none.
	User string `json:"user,omitempty"`

	// The password of `user`. Write a placeholder such as `{env.NATS_PASSWORD}` or
	// `{file./run/secrets/nats}`.
	Password string `json:"password,omitempty"` //nolint:gosec // the operator's choice

	// The token that the node logs in with. Write a placeholder, as for `password`.
	// Default: none.
	Token string `json:"token,omitempty"`

	// How to use TLS with the servers. Default: with servers that ask for it, and the
	// certificates that the system trusts.
	TLS *NATSTLS `json:"tls,omitempty"`

	// What the names of subjects and streams begin with. Origins that share NATS servers
	// have different prefixes, the nodes of one origin the same: up to 64 letters, digits,
	// `-` and `_`. Default: `live_origin`.
	Prefix string `json:"prefix,omitempty"`

	// On how many servers the decisions are kept, 1 to 5. More than the cluster has servers
	// does not work. Default: 3.
	Replicas int `json:"replicas,omitempty"`

	// How much room segments may take on this node, in bytes, from 64 KiB to 1 PiB. Default:
	// what the engine of `local` allows, which is 2 GiB in memory and no limit in a directory.
	MaxSize int64 `json:"max_size,omitempty"`

	// The URL at which the other nodes reach this one, such as `http://10.0.0.11:8090`. The
	// node listens on its port, and segments go from node to node by HTTP, which takes half
	// the CPU time. Only URLs that a node has signed for another one are answered. Default:
	// none, segments go through the NATS servers.
	PeerAddress string `json:"peer_address,omitempty"`

	// How much of the newest segments is also kept in NATS, in bytes, on each of `replicas`
	// servers, from 64 KiB to 1 PiB: for a restart of all nodes at once, when they keep their
	// segments in memory. It costs more CPU time than all else that goes through NATS, and is
	// put off, and in the end left out, when that is too much. Default: 0, nothing.
	BackupSize int64 `json:"backup_size,omitempty"`

	// The engine in which the node keeps its segments. Default: `memory`.
	LocalRaw json.RawMessage `json:"local,omitempty" caddy:"namespace=http.live_origin.stores inline_key=engine"`

	local   Engine
	options nats.Options
}

// NATSTLS says how to use TLS with NATS servers. All files are in PEM format.
type NATSTLS struct {
	// The file with the certificates of the authorities that are trusted. Default: those that
	// the system trusts.
	CA string `json:"ca,omitempty"`

	// The file with this node's certificate, for servers that ask for one. It is read again
	// for every connection. Default: none.
	Cert string `json:"cert,omitempty"`

	// The file with the key of `cert`.
	Key string `json:"key,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (NATSStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  storeNamespace + ".nats",
		New: func() caddy.Module { return new(NATSStore) },
	}
}

// Provision resolves placeholders and loads the local engine, without touching network or
// disk.
func (n *NATSStore) Provision(ctx caddy.Context) error {
	if err := n.resolve(); err != nil {
		return fmt.Errorf("store nats: %w", err)
	}
	if n.LocalRaw == nil {
		n.LocalRaw = caddyconfig.JSON(map[string]string{"engine": "memory"}, nil)
	}
	raw := n.LocalRaw
	mod, err := ctx.LoadModule(n, "LocalRaw")
	if err != nil {
		return fmt.Errorf("store nats: local: %w", err)
	}
	n.LocalRaw = raw // LoadModule takes it away, but options are compared with it
	local, ok := mod.(Engine)
	if _, nested := mod.(*NATSStore); !ok || nested {
		return errors.New("store nats: local: must be an engine of one node, such as memory or file")
	}
	n.local = local
	return nil
}

// resolve fills in defaults and placeholders. Secrets themselves go to n.options only,
// because the module's own fields are compared and shown.
func (n *NATSStore) resolve() error {
	if n.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("node: a name is required, because the host has none: %w", err)
		}
		n.Node = strings.ReplaceAll(host, ".", "-")
	}
	n.Prefix, n.Replicas = cmp.Or(n.Prefix, nats.DefaultPrefix), cmp.Or(n.Replicas, nats.DefaultReplicas)
	values := map[string]*string{
		"node": &n.Node, "prefix": &n.Prefix, "peer_address": &n.PeerAddress,
		"credentials": &n.Credentials, "user": &n.User, "password": &n.Password, "token": &n.Token,
	}
	if n.TLS != nil {
		values["tls: ca"], values["tls: cert"], values["tls: key"] = &n.TLS.CA, &n.TLS.Cert, &n.TLS.Key
	}
	for i := range n.Servers {
		values[fmt.Sprint("server ", i+1)] = &n.Servers[i]
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := resolveOption(values[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	n.options = nats.Options{
		Servers: n.Servers, Node: n.Node, Prefix: n.Prefix, Replicas: n.Replicas, PeerAddress: n.PeerAddress,
		Credentials: n.Credentials, User: n.User, Password: n.Password, Token: n.Token, BackupSize: n.BackupSize,
	}
	if n.TLS != nil {
		n.options.TLS = &nats.TLS{CA: n.TLS.CA, Cert: n.TLS.Cert, Key: n.TLS.Key}
	}
	n.Password, n.Token = fingerprint(n.Password), fingerprint(n.Token)
	return nil
}

// resolveOption replaces the placeholders of an option that may be missing, but not be
// empty.
func resolveOption(value *string) error {
	if *value == "" {
		return nil
	}
	resolved, err := resolve(*value)
	if err != nil {
		return err
	}
	*value = resolved
	return nil
}

// Validate checks the options.
func (n *NATSStore) Validate() error {
	return about("store nats", cmp.Or(
		about("max_size", ifSet(n.MaxSize, checkMaxSize)),
		about("backup_size", ifSet(n.BackupSize, checkMaxSize)),
		n.options.Validate(),
	))
}

// Identity implements Engine.
func (n *NATSStore) Identity() string { return "nats:" + n.Prefix + "/" + n.Node }

// natsStore is an open store, and what it was opened with.
type natsStore struct {
	*nats.Store
	options nats.Options
	local   string // the identity of the local engine
}

// Open implements Engine.
func (n *NATSStore) Open(ctx context.Context) (store.Store, error) {
	local, err := n.local.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("store nats: local: %w", err)
	}
	if n.MaxSize > 0 {
		if err := setCapacity(local, n.MaxSize); err != nil {
			return nil, errors.Join(errors.New("store nats: max_size: the local engine has no limit that can be set"), local.Close())
		}
	}
	options := n.options
	options.Local, options.Event = local, logNATS
	st, err := nats.Open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("store nats: %w", err)
	}
	return &natsStore{st, n.options, n.local.Identity()}, nil
}

// Reconfigure implements Reconfigurer: the local engine's options and max_size can be
// changed.
func (n *NATSStore) Reconfigure(st store.Store) error {
	s, ok := st.(*natsStore)
	if !ok || s.local != n.local.Identity() {
		return errReopen
	}
	var err error
	if r, ok := n.local.(Reconfigurer); ok {
		err = r.Reconfigure(s.Local())
	}
	if n.MaxSize > 0 {
		err = errors.Join(err, setCapacity(s.Local(), n.MaxSize))
	}
	if !reflect.DeepEqual(s.options, n.options) {
		err = errors.Join(err, errReopen)
	}
	return err
}

// fingerprintKey makes fingerprints worthless outside of this process.
var fingerprintKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
})

// fingerprint stands for a secret where options are compared and shown.
func fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	mac := hmac.New(sha256.New, fingerprintKey())
	_, _ = io.WriteString(mac, secret)
	return "secret " + hex.EncodeToString(mac.Sum(nil)[:4])
}

// Interface guards
var (
	_ caddy.Provisioner     = (*NATSStore)(nil)
	_ caddy.Validator       = (*NATSStore)(nil)
	_ caddyfile.Unmarshaler = (*NATSStore)(nil)
	_ Reconfigurer          = (*NATSStore)(nil)
	_ store.Shared          = (*natsStore)(nil)
	_ store.Persistent      = (*natsStore)(nil)
	_ store.Resizable       = (*natsStore)(nil)
)
