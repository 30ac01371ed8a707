package caddymodule

import (
	"net"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/internal/handover"
)

func init() {
	caddy.RegisterModule(HandoverWrapper{})
}

// places outlive configs: a server hands over to that of the next config.
var places handover.Places

var adviseMigration sync.Once

// HandoverWrapper is a listener wrapper that keeps a reload of the config from resetting
// connections on which a client sends its first request at that moment. Without it, Caddy's
// server closes them, which costs a segment if the encoder does not send it again, as ffmpeg
// does not without `-http_persistent 1`. With it, the server of the next config answers.
//
// Connections that no server has accepted yet are the kernel's to hand over. Linux does so with
// `sysctl net.ipv4.tcp_migrate_req=1`; a warning tells if it is off.
//
// It belongs behind the `tls` wrapper, where it is if that one is not named. A connection that
// is handed over keeps its TLS handshake: to shut out clients with a stricter client
// authentication at once, restart the process. It has no options:
//
//	servers {
//		listener_wrappers {
//			live_origin
//		}
//	}
type HandoverWrapper struct{}

// CaddyModule returns the Caddy module information.
func (HandoverWrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.listeners.live_origin",
		New: func() caddy.Module { return new(HandoverWrapper) },
	}
}

// Provision warns of what this wrapper cannot do.
func (HandoverWrapper) Provision(ctx caddy.Context) error {
	if handover.LosesQueued() {
		adviseMigration.Do(func() {
			ctx.Logger().Warn("a reload may reset connections that have just been opened: the kernel does not hand them over. Set net.ipv4.tcp_migrate_req=1 (sysctl -w, and /etc/sysctl.d)")
		})
	}
	return nil
}

// WrapListener implements caddy.ListenerWrapper.
func (HandoverWrapper) WrapListener(ln net.Listener) net.Listener { return places.Wrap(ln) }

// UnmarshalCaddyfile takes no arguments and no block.
func (HandoverWrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(0) {
		return d.Errf("unrecognized option %s: it has none", d.Val())
	}
	return nil
}

// Interface guards.
var (
	_ caddy.ListenerWrapper = HandoverWrapper{}
	_ caddy.Provisioner     = HandoverWrapper{}
	_ caddyfile.Unmarshaler = HandoverWrapper{}
)
