package caddymodule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
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
