// Package rooms checks that imports run downward only: the core knows nothing but
// the standard library, its neighbours know nothing of each other, and only
// caddymodule knows Caddy.
package rooms

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/liveorigin/caddy-live-origin/"

// rooms says what the code of each folder, and of those below it, may import
// beside the standard library. The longest matching folder counts.
var rooms = map[string][]string{
	"failover":           {},
	"store":              {module + "store"},
	"store/nats":         {module + "store", module + "internal/nodes", "github.com/nats-io/nats.go", "github.com/cespare/xxhash/v2"},
	"internal/hls":       {"github.com/grafov/m3u8"},
	"internal/bitstream": {},
	"internal/media":     {module + "internal/bitstream", "github.com/Eyevinn/mp4ff/"},
	"internal/demo":      {module + "internal/bitstream", module + "internal/demo"},
	"internal/compact":   {},
	"internal/handover":  {},
	"internal/activity":  {module + "failover"},
	"internal/output":    {module + "failover", module + "store", module + "internal/compact", module + "internal/hls", module + "internal/media"},
	"internal/nodes":     {module + "store", "github.com/nats-io/nats.go"},
	// What tests use imports nothing of what they test.
	"internal/nodes/natsserver": {module + "internal/ports"},
	"internal/ports":            {},
	"internal/nodes/natstest":   {module + "internal/nodes/natsserver", module + "internal/needs"},
	"internal/channel":          {"github.com/cespare/xxhash/v2", module + "internal/activity", module + "internal/compact", module + "internal/output", module + "failover", module + "store", module + "internal/hls", module + "internal/media"},
	"caddymodule": {
		module + "internal/channel", module + "internal/activity", module + "internal/handover", module + "internal/output", module + "failover", module + "store", module + "internal/nodes",
		"github.com/caddyserver/", "go.uber.org/zap", "github.com/dustin/go-humanize", "github.com/DeRuina/timberjack",
		"github.com/prometheus/", "google.golang.org/protobuf/", "github.com/spf13/", "golang.org/x/sync/errgroup",
	},
	"caddydemo":          {module + "caddymodule", module + "internal/demo", module + "internal/nodes/natsserver", module + "internal/ports", "github.com/caddyserver/", "github.com/spf13/"},
	"cmd":                {module + "caddymodule", module + "caddydemo", "github.com/caddyserver/caddy/v2/"},
	"bench":              {module, "github.com/quic-go/quic-go/http3"},
	"internal/needs":     {},
	"internal/testmedia": {module + "internal/needs"},
	"internal/e2e":       {},
	"internal/rooms":     {},
}

func TestImportsRunDownward(t *testing.T) {
	const root = "../.."
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "node_modules" || strings.HasPrefix(name, ".") && name != ".." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		room, allowed := roomOf(filepath.ToSlash(filepath.Dir(rel)))
		if room == "" {
			t.Errorf("%s is in no room", rel)
			return nil
		}
		seen[room] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if !strings.Contains(name, ".") || permitted(name, allowed) {
				continue
			}
			t.Errorf("%s must not import %s", rel, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"failover", "store", "internal/hls", "internal/media", "internal/activity", "internal/output", "internal/channel", "caddymodule"} {
		if !seen[room] {
			t.Errorf("nothing was found in %s", room)
		}
	}
}

func roomOf(dir string) (string, []string) {
	best := ""
	for room := range rooms {
		if (dir == room || strings.HasPrefix(dir, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best, rooms[best]
}

func permitted(name string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return name == a || strings.HasPrefix(name, strings.TrimSuffix(a, "/")+"/")
	})
}
