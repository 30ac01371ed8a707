package nodes

import (
	"strings"
	"testing"
	"time"
)

func TestBadOptions(t *testing.T) {
	good := Options{Servers: []string{"nats://127.0.0.1:1"}, Prefix: "live_origin", Node: "origin-1"}
	if _, err := good.withDefaults(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Options){
		"no server":     func(o *Options) { o.Servers = nil },
		"empty server":  func(o *Options) { o.Servers = []string{" "} },
		"two in one":    func(o *Options) { o.Servers = []string{"nats://a,nats://b"} },
		"twice":         func(o *Options) { o.Servers = []string{"nats://a", "nats://a"} },
		"no prefix":     func(o *Options) { o.Prefix = "" },
		"wildcard":      func(o *Options) { o.Prefix = "a.>" },
		"empty word":    func(o *Options) { o.Prefix = "a..b" },
		"no name":       func(o *Options) { o.Node = "" },
		"dot in name":   func(o *Options) { o.Node = "origin.1" },
		"long name":     func(o *Options) { o.Node = strings.Repeat("x", maxName+1) },
		"below zero":    func(o *Options) { o.Grace = -1 },
		"short silence": func(o *Options) { o.Silence = 10 * time.Millisecond },
	} {
		o := good
		change(&o)
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: opened", what)
		}
	}
}
