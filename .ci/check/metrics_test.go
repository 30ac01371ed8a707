package check

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const root = "../../"

var promql = parser.NewParser(parser.Options{})

// product are the product's metrics and their labels, as its own tests show them.
// Prometheus adds job and instance.
func product(t *testing.T) map[string]map[string]bool {
	t.Helper()
	metrics := map[string]map[string]bool{}
	for _, golden := range []string{"metrics.txt", "metrics_state.txt", "metrics_nodes.txt"} {
		file, err := os.Open(root + "caddymodule/testdata/" + golden)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			line := lines.Text()
			if declared, ok := strings.CutPrefix(line, "# TYPE "); ok {
				name, kind, _ := strings.Cut(declared, " ")
				names := []string{name}
				if kind == "histogram" {
					names = []string{name + "_bucket", name + "_sum", name + "_count"}
				}
				for _, n := range names {
					if metrics[n] == nil {
						metrics[n] = map[string]bool{"job": true, "instance": true, "store": true}
					}
				}
			}
			if !strings.HasPrefix(line, "caddy_live_origin_") {
				continue
			}
			end := strings.LastIndexByte(line, ' ')
			series, err := promql.ParseMetric(line[:end])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			series.Range(func(l labels.Label) { metrics[series.Get("__name__")][l.Name] = true })
		}
	}
	if len(metrics) < 10 {
		t.Fatalf("only %d metrics were found", len(metrics))
	}
	return metrics
}

// checkExpr checks that an expression parses, and asks for nothing but metrics and
// labels that the product has.
func checkExpr(t *testing.T, metrics map[string]map[string]bool, where, text string) {
	t.Helper()
	expr, err := promql.ParseExpr(text)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, text)
		return
	}
	selectors := 0
	known := map[string]bool{"le": true}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		s, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		selectors++
		has := metrics[s.Name]
		if has == nil {
			t.Errorf("%s: the product has no metric %q", where, s.Name)
			return nil
		}
		for _, m := range s.LabelMatchers {
			if m.Name != "__name__" && !has[m.Name] {
				t.Errorf("%s: %s has no label %q", where, s.Name, m.Name)
			}
		}
		for label := range has {
			known[label] = true
		}
		return nil
	})
	if selectors == 0 {
		t.Errorf("%s: %s asks for no metric", where, text)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if a, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range a.Grouping {
				if !known[label] {
					t.Errorf("%s: groups by %q, which none of its metrics has", where, label)
				}
			}
		}
		return nil
	})
}
