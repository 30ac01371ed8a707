package caddymodule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// count is the value of a series.
func (t *tally) count(values ...string) uint64 {
	row, place := t.find(values)
	row.mu.Lock()
	defer row.mu.Unlock()
	if place >= len(row.counts) {
		return 0
	}
	return row.counts[place]
}

// exposition is the text that a scrape gets. The registry checks each series.
func exposition(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
		for _, m := range f.Metric {
			if m.Counter.CreatedTimestamp == nil {
				t.Errorf("%v does not say since when it counts", m)
			}
		}
	}
	return b.String()
}

// A scrape gets what it would get of the library's own counters.
func TestTallyCountsAsTheLibraryDoes(t *testing.T) {
	for _, labels := range [][]string{nil, {"store"}, {"store", "channel", "input", "code"}, {"z", "y", "x", "w"}} {
		for _, byWord := range []bool{false, true} {
			if byWord && len(labels) == 0 {
				continue
			}
			ours := counter("some_total", "What for.", labels...)
			if byWord {
				ours = counterByWord("some_total", "What for.", labels...)
			}
			theirs := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "caddy", Subsystem: "live_origin", Name: "some_total", Help: "What for."}, labels)
			random := rand.New(rand.NewPCG(1, uint64(len(labels))))
			for range 500 {
				values := make([]string, len(labels))
				for i := range values {
					values[i] = fmt.Sprintf("%c\"é\n%d", 'a'+i, random.IntN(3))
				}
				n := random.IntN(3) // with 0, it appears
				ours.Add(uint64(n), values...)
				theirs.WithLabelValues(values...).Add(float64(n))
			}
			if a, b := exposition(t, ours), exposition(t, theirs); a != b {
				t.Errorf("%q, by word %v: got\n%s\nwant\n%s", labels, byWord, a, b)
			}
		}
	}
}

// What is forgotten ends, and nothing else; when it comes again, it begins at zero.
func TestTallyForgets(t *testing.T) {
	c := counterByWord("some_total", "What for.", "store", "channel", "input", "what")
	for _, input := range []string{"a", "b"} {
		for _, name := range []string{"sports", "news"} {
			c.Inc("memory", name, input, "word")
		}
	}
	c.Forget(prometheus.Labels{"store": "memory", "channel": "sports", "input": "b"})
	c.Forget(prometheus.Labels{"store": "memory", "channel": "sports", "endpoint": "a"})
	c.Forget(prometheus.Labels{"store": "memory", "channel": "sports", "what": "word"})
	if n := strings.Count(exposition(t, c), "\ncaddy_live_origin_some_total{"); n != 3 {
		t.Errorf("%d series", n)
	}
	c.Forget(prometheus.Labels{"store": "memory", "channel": "news"})
	c.Begin("memory", "news", "a", "word")
	if n, m := c.count("memory", "news", "a", "word"), c.count("memory", "sports", "a", "word"); n != 0 || m != 1 {
		t.Errorf("%d and %d", n, m)
	}
}

// Words are few. If they are not, those that come last count as one.
func TestTallyWordsAreBounded(t *testing.T) {
	c := counterByWord("some_total", "What for.", "channel", "what")
	for i := range 200 {
		c.Inc("sports", fmt.Sprint("word ", i))
	}
	if n := strings.Count(exposition(t, c), "\ncaddy_live_origin_some_total{"); n != tallyWords {
		t.Errorf("%d series, not %d", n, tallyWords)
	}
	if n := c.count("sports", otherReason); n != 200-tallyWords+1 {
		t.Errorf("%d others", n)
	}
}

// Many count at once, while somebody collects.
func TestTallyCountsAll(t *testing.T) {
	c := counterByWord("some_total", "What for.", "channel", "what")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Inc(fmt.Sprint("channel ", i%7), fmt.Sprint("word ", i%5))
			}
		})
	}
	all.Go(func() { exposition(t, c) })
	all.Wait()
	sum := uint64(0)
	for i := range 7 {
		for j := range 5 {
			sum += c.count(fmt.Sprint("channel ", i), fmt.Sprint("word ", j))
		}
	}
	if sum != 8000 {
		t.Errorf("%d counted, not 8000", sum)
	}
}

// What a scrape of a thousand channels costs, and what counting does, beside the library's own.
func BenchmarkTally(b *testing.B) {
	labels := []string{labelStore, labelChannel, labelInput, labelReason}
	ours := counterByWord("some_total", "What for.", labels...)
	theirs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "some_total", Help: "What for."}, labels)
	for i := range 1000 {
		for _, input := range []string{"a", "b"} {
			for _, reason := range missedReasons {
				ours.Begin("memory", fmt.Sprint("c", i), input, string(reason))
				theirs.WithLabelValues("memory", fmt.Sprint("c", i), input, string(reason))
			}
		}
	}
	for name, c := range map[string]prometheus.Collector{"scrape": ours, "scrape CounterVec": theirs} {
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := registry.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ours.Inc("memory", "c77", "a", "not_arrived")
		}
	})
	b.Run("count CounterVec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			theirs.WithLabelValues("memory", "c77", "a", "not_arrived").Inc()
		}
	})
}
