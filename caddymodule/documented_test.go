package caddymodule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// Every option that the Caddyfile knows stands in the table of the documentation, in
// the example, and in the grammar: that above the parser, or above Endpoint.
func TestOptionsAreDocumented(t *testing.T) {
	options, grammar := parsedOptions(t)
	if len(options) < 25 {
		t.Fatalf("only %d options were found: %q", len(options), options)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	table := ""
	for line := range strings.Lines(read("docs/configuration.md")) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			table += cells[1] + "\n" // the first column
		}
	}
	example := read("Caddyfile.example")
	for _, option := range options {
		word := regexp.MustCompile(`(^|[^\w])` + option + `($|[^\w])`)
		for where, text := range map[string]string{"docs/configuration.md": table, "Caddyfile.example": example, "the grammar": grammar} {
			if !word.MatchString(text) {
				t.Errorf("%s lacks %s", where, option)
			}
		}
	}
}

// readDocs returns a page of the documentation.
func readDocs(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every event and every metric stands in the tables for operators.
func TestEventsAndMetricsAreDocumented(t *testing.T) {
	operations := readDocs(t, "operations.md")
	check := func(what, pattern string, sources ...string) {
		t.Helper()
		found := map[string]bool{}
		for _, source := range sources {
			names, err := filepath.Glob(source)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
					found[m[1]] = true
				}
			}
		}
		if len(found) < 10 {
			t.Fatalf("only %d %ss were found", len(found), what)
		}
		for name := range found {
			if !strings.Contains(operations, "`"+name+"`") {
				t.Errorf("docs/operations.md lacks the %s %s", what, name)
			}
		}
	}
	check("event", `(?m)^\tevent\w+\s+= "(live_\w+)"`, "*.go")
	check("metric", `(?m)^# TYPE caddy_live_origin_(\w+) `, "testdata/metrics*.txt")
}

// Every field of the admin API, and every word of a label, stands in the tables for operators.
func TestFieldsAndWordsAreDocumented(t *testing.T) {
	operations := readDocs(t, "operations.md")
	check := func(what, word string) {
		t.Helper()
		if !strings.Contains(operations, "`"+word+"`") {
			t.Errorf("docs/operations.md lacks the %s %s", what, word)
		}
	}
	var fields func(of reflect.Type)
	fields = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() {
			return
		}
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			check("field", name)
			fields(field.Type)
		}
	}
	fields(reflect.TypeFor[channelStatus]())
	fields(reflect.TypeFor[health]())
	for _, reason := range missedReasons {
		check("reason", string(reason))
	}
	for _, d := range failover.Defects() {
		check("defect", string(d))
	}
	for _, kinds := range [][]channel.NoticeKind{channel.ToleratedKinds, channel.NoticedKinds, channel.LimitKinds, channel.WaitKinds} {
		for _, kind := range kinds {
			check("notice", string(kind))
		}
	}
}

// What the log says about nodes can be looked up.
func TestNodeMessagesAreDocumented(t *testing.T) {
	page := readDocs(t, "nodes.md")
	messages := []string{}
	for _, text := range natsTexts {
		messages = append(messages, text.message)
	}
	core, logs := zapobserver.New(zap.DebugLevel)
	for _, e := range nodeEvents {
		newObserver(zap.New(core)).Node("sports", e)
	}
	for _, entry := range logs.All() {
		messages = append(messages, entry.Message)
	}
	for _, message := range messages {
		if !strings.Contains(page, "| `"+message+"` |") {
			t.Errorf("docs/nodes.md lacks the message %q", message)
		}
	}
}

// parsedOptions are the words that the parsers of blocks compare with, and the comments
// that have the grammar.
func parsedOptions(t *testing.T) (options []string, grammar string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "UnmarshalCaddyfile" && name == "caddyfile.go" {
					grammar += n.Doc.Text()
				}
			case *ast.GenDecl:
				if name == "endpoint.go" && n.Tok == token.TYPE {
					grammar += n.Doc.Text()
				}
			case *ast.SwitchStmt:
				if comparesToken(n) {
					options = append(options, words(n)...)
				}
			}
			return true
		})
	}
	return options, grammar
}

// comparesToken reports whether it is a switch on d.Val(), which is the current token of
// a Caddyfile.
func comparesToken(s *ast.SwitchStmt) bool {
	found := false
	for _, part := range []ast.Node{s.Init, s.Tag} {
		if part == nil {
			continue
		}
		ast.Inspect(part, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			found = found || ok && call.Sel.Name == "Val"
			return true
		})
	}
	return found
}

func words(s *ast.SwitchStmt) (list []string) {
	for _, clause := range s.Body.List {
		for _, e := range clause.(*ast.CaseClause).List {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if word, err := strconv.Unquote(lit.Value); err == nil {
					list = append(list, word)
				}
			}
		}
	}
	return list
}
