package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/liveorigin/caddy-live-origin/internal/nodes"
	"github.com/liveorigin/caddy-live-origin/store"
)

const (
	// DefaultPrefix is Options.Prefix if none is given.
	DefaultPrefix = "live_origin"
	// DefaultReplicas is Options.Replicas if none is given.
	DefaultReplicas = 3

	maxReplicas = 5
	maxName     = 64
)

// Options says how to open a store.
type Options struct {
	// Servers are the URLs of the NATS servers, all of them, the nearest first: nats://, tls://,
	// ws:// or wss://, with a host and, as a rule, a port. Required.
	Servers []string
	// Node is the name of this node, which no other has: letters, digits, "-" and "_", up to
	// 64 of them. Required.
	Node string
	// Prefix is what subjects and streams begin with, the same at all nodes: letters, digits,
	// "-" and "_", up to 64 of them. Default: DefaultPrefix.
	Prefix string
	// Replicas is on how many servers journals are kept, 1 to 5. Default: DefaultReplicas.
	Replicas int
	// PeerAddress is the URL at which the other nodes reach this one: http, a host and, as a
	// rule, a port, on which the store listens. Default: none, objects go over NATS.
	PeerAddress string

	// BackupSize is how much of the newest objects is also kept in JetStream, in bytes, on each
	// of Replicas servers: for a restart of all nodes whose local tiers forget. It costs more
	// than all else together. Default: 0, none.
	BackupSize int64

	// At most one way to log in is given. Credentials is a file as nsc writes it, User and
	// Password, and Token, are the values themselves. Default: none.
	Credentials    string
	User, Password string
	Token          string
	// TLS is used with all servers if it is set. Default: with servers that ask for it, and
	// the system's certificates.
	TLS *TLS

	// Local is the node's own tier. The store closes it. Required by Open.
	Local store.Store
	// Event is told what an operator should know, such as that the servers are away. It must
	// not wait. Default: nothing is called.
	Event func(nodes.Event)
}

// TLS says how to speak TLS with the servers. Files are PEM.
type TLS struct {
	// CA has the certificates of the authorities that are trusted. Default: the system's.
	CA string
	// Cert and Key are this node's certificate, which is read again for every connection.
	// Default: none.
	Cert, Key string
}

func (o *Options) setDefaults() {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Replicas == 0 {
		o.Replicas = DefaultReplicas
	}
	if o.Event == nil {
		o.Event = func(nodes.Event) {}
	}
}

// Validate checks the options without touching disk or network. Local may be missing.
func (o Options) Validate() error {
	o.setDefaults()
	if err := o.checkServers(); err != nil {
		return err
	}
	if o.Node == "" {
		return errors.New("node: a name is required")
	}
	if err := CheckName(o.Node); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := CheckName(o.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	if err := CheckReplicas(int64(o.Replicas)); err != nil {
		return fmt.Errorf("replicas: %w", err)
	}
	if o.BackupSize < 0 {
		return errors.New("backup_size: must not be negative")
	}
	if o.PeerAddress != "" {
		if err := CheckPeerAddress(o.PeerAddress); err != nil {
			return fmt.Errorf("peer_address: %w", err)
		}
	}
	return o.checkLogin()
}

func (o Options) checkServers() error {
	if len(o.Servers) == 0 {
		return errors.New("at least one server is required, such as nats://10.0.0.1:4222")
	}
	websocket := 0
	seen := map[string]bool{}
	for _, server := range o.Servers {
		if err := CheckServer(server); err != nil {
			return err
		}
		if seen[server] {
			return fmt.Errorf("server %q is given twice", server)
		}
		seen[server] = true
		if strings.HasPrefix(server, "ws") {
			websocket++
		}
	}
	if websocket > 0 && websocket < len(o.Servers) {
		return errors.New("either all servers are WebSocket servers (ws, wss) or none is")
	}
	return nil
}

// CheckServer checks the URL of a server.
func CheckServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("a server is a URL such as nats://10.0.0.1:4222, but is %q", server)
	}
	if u.User != nil {
		return fmt.Errorf("the URL of server %s has a login in it, and would be logged: use credentials, user or token", u.Host)
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
	default:
		return fmt.Errorf("the URL of a server begins with nats, tls, ws or wss, but is %q", server)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(server, ",") {
		return fmt.Errorf("the URL of a server has a host and a port and nothing else, but is %q", server)
	}
	return checkPort(u)
}

// CheckName checks the name of a node, or a prefix.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > maxName {
		return fmt.Errorf("must have 1 to %d characters, but has %d", maxName, len(name))
	}
	for _, c := range name {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			continue
		}
		return fmt.Errorf("consists of letters, digits, '-' and '_', but is %q", name)
	}
	return nil
}

// CheckReplicas checks the number of replicas.
func CheckReplicas(n int64) error {
	if n < 1 || n > maxReplicas {
		return fmt.Errorf("must be from 1 to %d, but is %d", maxReplicas, n)
	}
	return nil
}

// CheckPeerAddress checks the address of a node.
func CheckPeerAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return fmt.Errorf("must be a URL such as http://10.0.0.11:8090, but is %q", address)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("has a host and a port and nothing else, but is %q", u.Redacted())
	}
	return checkPort(u)
}

func checkPort(u *url.URL) error {
	port := u.Port()
	if port == "" {
		return nil
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("a port is from 1 to 65535, but is %s", port)
	}
	return nil
}

func (o Options) checkLogin() error {
	var ways []string
	if o.Credentials != "" {
		ways = append(ways, "credentials")
	}
	if o.User != "" || o.Password != "" {
		ways = append(ways, "user")
	}
	if o.Token != "" {
		ways = append(ways, "token")
	}
	if len(ways) > 1 {
		return fmt.Errorf("%s: only one of them can be used", strings.Join(ways, " and "))
	}
	if (o.User == "") != (o.Password == "") {
		return errors.New("user: needs a name and a password")
	}
	if o.TLS != nil && (o.TLS.Cert == "") != (o.TLS.Key == "") {
		return errors.New("tls: cert and key belong together")
	}
	return nil
}

// connect are the options of the connections. Files are looked at once, because a connection
// that lacks one would be tried for ever.
func (o Options) connect() ([]nats.Option, error) {
	var options []nats.Option
	switch {
	case o.Credentials != "":
		if _, err := os.ReadFile(o.Credentials); err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		options = append(options, nats.UserCredentials(o.Credentials))
	case o.User != "":
		options = append(options, nats.UserInfo(o.User, o.Password))
	case o.Token != "":
		options = append(options, nats.Token(o.Token))
	}
	if o.TLS == nil {
		return options, nil
	}
	options = append(options, nats.Secure())
	if o.TLS.CA != "" {
		if _, err := os.ReadFile(o.TLS.CA); err != nil {
			return nil, fmt.Errorf("tls: ca: %w", err)
		}
		options = append(options, nats.RootCAs(o.TLS.CA))
	}
	if o.TLS.Cert != "" {
		if _, err := tls.LoadX509KeyPair(o.TLS.Cert, o.TLS.Key); err != nil {
			return nil, fmt.Errorf("tls: cert and key: %w", err)
		}
		options = append(options, nats.ClientCert(o.TLS.Cert, o.TLS.Key))
	}
	return options, nil
}
