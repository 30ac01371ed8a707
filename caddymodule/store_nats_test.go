//go:build unix

package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

func provisionNATS(t *testing.T, config string) *NATSStore {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	n := new(NATSStore)
	if err := json.Unmarshal([]byte(config), n); err != nil {
		t.Fatal(err)
	}
	if err := n.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.Validate(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Secrets are neither in the options that errors show, nor do they go unnoticed when they
// change.
func TestNATSSecretsAreNotShown(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "swordfish")
	shown := func(config string) string {
		text, err := json.Marshal(provisionNATS(t, config))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "swordfish") {
			t.Errorf("%s", text)
		}
		return string(text)
	}
	const account = `{"servers":["nats://127.0.0.1:1"],"node":"a","user":"origin","password":"{env.NATS_PASSWORD}"}`
	before := shown(account)
	if again := shown(account); again != before {
		t.Errorf("the same options are %s and %s", before, again)
	}
	shown(`{"servers":["nats://127.0.0.1:1"],"node":"a","token":"swordfish"}`)
	if n := provisionNATS(t, account); n.options.Password != "swordfish" {
		t.Errorf("the password is %q", n.options.Password)
	}
	t.Setenv("NATS_PASSWORD", "swordfish-2")
	if after := shown(account); after == before {
		t.Error("a changed password is not seen")
	}
}

// The servers may be away when Caddy starts, and everything that can be changed later is.
func TestNATSStoreStartsAlone(t *testing.T) {
	const options = `{"servers":["nats://127.0.0.1:1"],"node":"a","max_size":1048576`
	n := provisionNATS(t, options+`}`)
	if id := n.Identity(); id != "nats:live_origin/a" {
		t.Errorf("identity %s", id)
	}
	st, err := n.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if c := st.Usage().Capacity; c != 1<<20 {
		t.Errorf("capacity %d", c)
	}
	if p, ok := st.(store.Persistent); !ok || p.Persistent() {
		t.Error("memory survives the process")
	}
	w, err := st.Create(context.Background(), "a/b.ts", -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	// What encoders send once is kept.
	if _, ok := st.(store.Shared).Local().(*keptStore); !ok {
		t.Errorf("the local store is a %T", st.(store.Shared).Local())
	}

	for config, want := range map[string]error{
		options + `}`: nil,
		`{"servers":["nats://127.0.0.1:1"],"node":"a","local":{"engine":"memory","capacity":4194304}}`: nil,
		options + `,"prefix":"other"}`:                                      errReopen,
		options + `,"local":{"engine":"file","dir":"` + t.TempDir() + `"}}`: errReopen,
	} {
		if err := provisionNATS(t, config).Reconfigure(st); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", config, err, want)
		}
	}
	if err := provisionNATS(t, `{"servers":["nats://127.0.0.1:1"],"node":"a","max_size":2097152}`).Reconfigure(st); err != nil {
		t.Error(err)
	}
	if c := st.Usage().Capacity; c != 2<<20 {
		t.Errorf("capacity %d", c)
	}
}

// A whole config on real servers: uploads, a reload with other options, a restart, and a
// second node that fetches.
func TestNATSStoreServes(t *testing.T) {
	c := natstest.Start(t, 3)
	dir := t.TempDir()
	config := func(options string) string {
		block := "live_origin {\nstore nats " + strings.Join(c.URLs(), " ") + " {\nnode a\nlocal file " + dir + "\n" + options + "\n}\n"
		return strings.Replace(site(""), "live_origin {", block, 1)
	}
	n := newNode(t)
	n.load(config(""))
	segment := n.goOnAir("/in/a", "/live")
	before := n.want("GET", segment, nil, 200)
	n.load(config("max_size 1GiB"))
	if n.want("GET", segment, nil, 200) != before {
		t.Error("the segment has other bytes after a reload")
	}
	another := provisionNATS(t, `{"servers":["`+strings.Join(c.URLs(), `","`)+`"],"node":"b"}`)
	st, err := another.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	live.mu.Lock()
	first := live.stores["nats:live_origin/a"].store
	live.mu.Unlock()
	if capacity := first.Usage().Capacity; capacity != 1<<30 {
		t.Errorf("capacity %d", capacity)
	}
	fetched := 0
	err = first.List(context.Background(), "", func(key string, size int64) error {
		o, err := st.Open(context.Background(), key)
		if err != nil {
			return err
		}
		defer o.Close()
		fetched++
		if o.Size() != size {
			t.Errorf("%s has %d bytes, not %d", key, o.Size(), size)
		}
		return nil
	})
	if err != nil || fetched == 0 {
		t.Errorf("%d objects, %v", fetched, err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is closed", func() bool { s, _ := liveCount(); return s == 0 })
	n.load(config(""))
	n.want("GET", "/live/index.m3u8", nil, 200)
	if n.want("GET", segment, nil, 200) != before {
		t.Error("the segment has other bytes after a restart")
	}
}
