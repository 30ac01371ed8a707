package nats

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	good := Options{Servers: []string{"nats://10.0.0.1:4222", "tls://nats.example.com", "nats://[::1]:4222"}, Node: "origin-1"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(o *Options){
		"at least one server":            func(o *Options) { o.Servers = nil },
		`but is ""`:                      func(o *Options) { o.Servers = []string{""} },
		`but is "10.0.0.1:4222"`:         func(o *Options) { o.Servers = []string{"10.0.0.1:4222"} },
		"begins with nats, tls":          func(o *Options) { o.Servers = []string{"http://10.0.0.1"} },
		"has a login in it":              func(o *Options) { o.Servers = []string{"nats://u:secret@10.0.0.1"} },
		"a port is from 1 to 65535":      func(o *Options) { o.Servers = []string{"nats://10.0.0.1:70000"} },
		"nothing else":                   func(o *Options) { o.Servers = []string{"nats://10.0.0.1/x"} },
		"is given twice":                 func(o *Options) { o.Servers = []string{"nats://a", "nats://a"} },
		"WebSocket":                      func(o *Options) { o.Servers = []string{"nats://a", "ws://b"} },
		"node: a name is required":       func(o *Options) { o.Node = "" },
		`node: consists of letters`:      func(o *Options) { o.Node = "origin.1" },
		"node: must have 1 to 64":        func(o *Options) { o.Node = strings.Repeat("n", 65) },
		"prefix: consists of":            func(o *Options) { o.Prefix = "a.b" },
		"replicas: must be from 1 to 5":  func(o *Options) { o.Replicas = 6 },
		"peer_address: must be a URL":    func(o *Options) { o.PeerAddress = "10.0.0.1:8090" },
		"peer_address: has a host":       func(o *Options) { o.PeerAddress = "http://10.0.0.1:8090/x" },
		"peer_address: a port":           func(o *Options) { o.PeerAddress = "http://10.0.0.1:0" },
		"credentials and token: only":    func(o *Options) { o.Credentials, o.Token = "f", "t" },
		"user: needs a name and a passw": func(o *Options) { o.User = "u" },
		"tls: cert and key belong":       func(o *Options) { o.TLS = &TLS{Cert: "c"} },
	} {
		o := good
		change(&o)
		err := o.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v shows a password", err)
		}
	}
}
