package caddymodule

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// A store outlives configs and their loggers.
func TestAFileStoreWarnsInTheLogInForce(t *testing.T) {
	n := newNode(t)
	dir := t.TempDir()
	load := func(log string) {
		config := n.config(strings.Replace(site(""), "live_origin {", "live_origin {\nstore file "+dir+"/store\n", 1))
		config = strings.Replace(config, `"discard"`, fmt.Sprintf(`"file","filename":%q`, dir+"/"+log), 1)
		if err := caddy.Load([]byte(config), true); err != nil {
			t.Fatal(err)
		}
	}
	load("first.log")
	live.mu.Lock()
	st := live.stores["file:"+dir+"/store"].store
	live.mu.Unlock()
	w, err := st.Create(t.Context(), "some/object", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	load("second.log")
	// A directory that is not empty can't be removed like a file.
	object := dir + "/store/objects/some+/object"
	if err := errors.Join(os.Remove(object), os.MkdirAll(object+"/in/the/way", 0o700), st.Delete(t.Context(), "some/object")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the warning", func() bool {
		log, err := os.ReadFile(dir + "/second.log")
		return err == nil && strings.Contains(string(log), "delete object")
	})
}

// A directory that depends on where Caddy is started is told of.
func TestARelativeStoreIsWarnedOf(t *testing.T) {
	n := newNode(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct {
		dir    string
		warned bool
	}{{dir + "/store", false}, {"store", true}, {"~/store", true}} {
		config := n.config(strings.Replace(site(""), "live_origin {", "live_origin {\nstore file "+c.dir+"\n", 1))
		config = strings.Replace(config, `"discard"`, fmt.Sprintf(`"file","filename":%q`, dir+"/log"), 1)
		if err := caddy.Load([]byte(config), true); err != nil {
			t.Fatal(err)
		}
		log, err := os.ReadFile(dir + "/log")
		if err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(string(log), fmt.Sprintf(`"dir":%q,"taken":%q`, c.dir, dir+"/"+c.dir)); warned != c.warned {
			t.Errorf("%s: a warning: %v, want %v", c.dir, warned, c.warned)
		}
	}
}
