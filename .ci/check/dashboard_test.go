package check

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
}

type dashboard struct {
	Title, UID string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

// variables are what Grafana puts in before Prometheus sees an expression.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$store", ".*", "$channel", ".*")

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(root + "docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	metrics := product(t)
	d := readDashboard(t)
	shown := map[string]bool{}
	check := func(where, expr string) {
		t.Helper()
		expr = variables.Replace(expr)
		if strings.Contains(expr, "$") {
			t.Errorf("%s: a variable is left in %s", where, expr)
		}
		checkExpr(t, metrics, where, expr)
		for name := range metrics {
			if strings.Contains(expr, name) {
				shown[name] = true
			}
		}
	}
	for _, p := range d.Panels {
		if p.Type != "row" && (len(p.Targets) == 0 || p.Description == "") {
			t.Errorf("panel %q has no query or no description", p.Title)
		}
		for i, target := range p.Targets {
			check(fmt.Sprintf("panel %q, query %d", p.Title, i), target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		check("annotation "+a.Name, a.Expr)
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		query := labelValues.FindStringSubmatch(v.Definition)
		if query == nil {
			t.Fatalf("variable %s: %s", v.Name, v.Definition)
		}
		check("variable "+v.Name, fmt.Sprintf("count by (%s) (%s)", query[2], query[1]))
	}
	for name := range metrics {
		if !shown[name] {
			t.Errorf("%s is nowhere on the dashboard", name)
		}
	}
}

// Panels of a dashboard that was edited by hand lie over each other easily.
func TestDashboardIsLaidOut(t *testing.T) {
	const columns = 24
	owner, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > columns {
			t.Errorf("panel %q is at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, taken := owner[[2]int{x, y}]; taken {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				owner[[2]int{x, y}] = p.Title
			}
		}
	}
}
