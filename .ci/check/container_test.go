package check

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages parses a Dockerfile as BuildKit does.
func stages(t *testing.T, text []byte) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Warnings) > 0 {
		t.Errorf("warnings: %+v", parsed.Warnings)
	}
	list, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The image has the Caddy that the product is built and tested with, and takes from
// the builder what the builder makes.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile(root + "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "-C", root, "list", "-m", "-f", "{{.Version}}", "github.com/caddyserver/caddy/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(out)) // v2.11.9
	image := "caddy:" + strings.TrimPrefix(version, "v")
	list := stages(t, text)
	if len(list) != 2 || list[0].BaseName != image+"-builder" || list[0].Name != "builder" || list[1].BaseName != image {
		t.Fatalf("stages: %+v", list)
	}
	var run string
	for _, c := range list[0].Commands {
		if r, ok := c.(*instructions.RunCommand); ok {
			run += strings.Join(r.CmdLine, " ")
		}
	}
	if !strings.Contains(run, "xcaddy build "+version+" ") || !strings.Contains(run, "--output /usr/bin/caddy") {
		t.Errorf("the builder runs %s", run)
	}
	if out, err := exec.Command("sh", "-n", "-c", run).CombinedOutput(); err != nil {
		t.Errorf("%v: %s in %s", err, out, run)
	}
	copied, ok := list[1].Commands[0].(*instructions.CopyCommand)
	if !ok || copied.From != "builder" || !slices.Equal(copied.SourcePaths, []string{"/usr/bin/caddy"}) || copied.DestPath != "/usr/bin/caddy" {
		t.Errorf("the image gets %+v", list[1].Commands)
	}
}

// What is built in the image must be there in spite of .dockerignore.
func TestDockerIgnoreLeavesTheModule(t *testing.T) {
	text, err := os.ReadFile(root + ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "-C", root, "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`,
		"./caddymodule/...", "./internal/activity/...", "./internal/channel/...", "./internal/output/...", "./internal/hls/...", "./internal/media/...", "./internal/nodes/...", "./failover/...", "./store/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	if len(files) < 50 {
		t.Fatalf("only %d files", len(files))
	}
	for _, pattern := range strings.Fields(string(text)) {
		for _, file := range files {
			rel, err := filepath.Rel(base, file)
			if err != nil {
				t.Fatal(err)
			}
			if ignored(t, pattern, filepath.ToSlash(rel)) {
				t.Errorf("%s hides %s", pattern, rel)
			}
		}
	}
}

// ignored tells whether a pattern hides a file: itself or a folder above it. A
// pattern that begins with **/ may match at any depth.
func ignored(t *testing.T, pattern, file string) bool {
	t.Helper()
	deep, anywhere := strings.CutPrefix(pattern, "**/")
	for ; file != "."; file = path.Dir(file) {
		name := file
		if anywhere {
			name = path.Base(file)
		}
		match, err := path.Match(deep, name)
		if err != nil {
			t.Fatal(err)
		}
		if match {
			return true
		}
	}
	return false
}

func readCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "compose.yaml"}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// Compose takes the file, and everything that it names is there.
func TestCompose(t *testing.T) {
	project := readCompose(t)
	origin := project.Services["origin"]
	if origin.HealthCheck == nil || len(origin.HealthCheck.Test) == 0 {
		t.Error("nobody can tell when the origin is ready")
	}
	if len(origin.Ports) != 1 || origin.Ports[0].HostIP != "127.0.0.1" {
		t.Errorf("open inputs are for this machine only, but the ports are %+v", origin.Ports)
	}
	mounted := false
	for _, v := range origin.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(v.Source); err != nil {
			t.Error(err)
		}
		mounted = mounted || v.Target == "/etc/caddy/Caddyfile"
	}
	if !mounted {
		t.Error("the origin has no config")
	}
	for _, input := range []string{"a", "b"} {
		e, ok := project.Services["encoder-"+input]
		if !ok {
			t.Fatalf("there is no encoder %s", input)
		}
		if !slices.Equal([]string(e.Command), []string{input, "http://origin:8080"}) {
			t.Errorf("encoder %s runs %q", input, e.Command)
		}
		if e.Restart != types.RestartPolicyUnlessStopped || e.DependsOn["origin"].Condition != types.ServiceConditionHealthy {
			t.Errorf("encoder %s: restart %q, depends on %+v", input, e.Restart, e.DependsOn)
		}
		if len(stages(t, []byte(e.Build.DockerfileInline))) != 1 {
			t.Errorf("encoder %s is built from %s", input, e.Build.DockerfileInline)
		}
		if _, err := os.Stat(filepath.Join(e.Build.Context, "encoder.sh")); err != nil {
			t.Error(err)
		}
	}
}
