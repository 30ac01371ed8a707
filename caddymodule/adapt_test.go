package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
)

var update = flag.Bool("update", false, "write what the tests expect")

const separator = "----------\n"

// TestAdapt compares Caddyfiles with the JSON that they stand for, or with the
// error that they give.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/caddyfile_adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("no test files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source, want, ok := strings.Cut(strings.ReplaceAll(string(content), "\r\n", "\n"), separator)
			if !ok {
				t.Fatal("no separator")
			}
			got := adapt(t, source)
			if *update {
				if err := os.WriteFile(name, []byte(source+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if strings.HasPrefix(want, "{") {
				if got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				return
			}
			if want = strings.TrimSpace(want); want == "" || !strings.Contains(got, want) {
				t.Errorf("got %q, want %q in it", got, want)
			}
		})
	}
}

// adapt returns JSON or the error, with a line break at its end.
func adapt(t *testing.T, source string) string {
	t.Helper()
	out, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(source), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err.Error() + "\n"
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, out, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return indented.String() + "\n"
}

// adaptLoose is adapt for sources that are put together from pieces.
func adaptLoose(t *testing.T, source string) string {
	t.Helper()
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(source), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return string(out)
}

// The example has to be what it promises: formatted, and running as it is.
func TestExample(t *testing.T) {
	source, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(caddyfile.Format(source), source) {
		t.Error("Caddyfile.example is not formatted: caddy fmt --overwrite Caddyfile.example")
	}
	validate(t, adapt(t, string(source)), "")
}

// The secured variant in the example's comments has to be right, too.
func TestExampleSecured(t *testing.T) {
	t.Setenv("SPORTS_B_TOKEN", "token")
	source, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	_, secured, ok := strings.Cut(string(source), "# --- secured ---\n")
	if !ok {
		t.Fatal("no secured variant")
	}
	lines := strings.SplitAfter(secured, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
	}
	text := strings.Join(lines, "")
	if !bytes.Equal(caddyfile.Format([]byte(text)), []byte(text)) {
		t.Errorf("the secured variant is not formatted:\n%s\n\n%s", text, caddyfile.Format([]byte(text)))
	}
	got := adapt(t, text)
	if !strings.HasPrefix(got, "{") {
		t.Fatal(got)
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes json.RawMessage `json:"routes"`
				} `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal([]byte(got), &config); err != nil {
		t.Fatal(err)
	}
	// Only the routes, on a plain server: the real one would ask for a
	// certificate.
	for _, srv := range config.Apps.HTTP.Servers {
		validate(t, `{"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:0"],"routes":`+string(srv.Routes)+`}}}}}`, "")
	}
}

// validate does what `caddy validate` does. An empty want means no error.
func validate(t *testing.T, config, want string) {
	t.Helper()
	if !strings.HasPrefix(config, "{") {
		t.Fatal(config)
	}
	var c caddy.Config
	if err := caddy.StrictUnmarshalJSON([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	c.Admin = &caddy.AdminConfig{Disabled: true}
	err := caddy.Validate(&c)
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q in it", err, want)
	}
}
