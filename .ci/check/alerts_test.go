package check

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	promqlengine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

func readAlerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(root+"docs/alerts.yaml", false, model.LegacyValidation, promql, slog.Default())
	for _, err := range errs {
		t.Error(err)
	}
	if len(errs) > 0 {
		t.FailNow()
	}
	var rules []rulefmt.Rule
	for _, g := range groups.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// Prometheus loads the rules, and they ask for what the product has.
func TestAlertsAskForWhatThereIs(t *testing.T) {
	metrics := product(t)
	for _, r := range readAlerts(t) {
		checkExpr(t, metrics, r.Alert, r.Expr)
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no severity, summary or description", r.Alert)
		}
	}
}

// A situation is what Prometheus has scraped every 15 s, in the notation of
// promtool, and which alerts there are at its end.
type situation struct {
	name   string
	series []string
	fires  []string
}

var situations = []situation{
	{"all is well", []string{
		`input_up{input="a"} 1x40`, `input_up{input="b"} 1x40`, `pair_locked{a="a",b="b"} 1x40`,
		`slots_published_total{endpoint="hls"} 10+2x40`, `slots_given_up_total{endpoint="hls"} 3x40`,
		`failovers_total{endpoint="hls",reason="missing_segment"} 7x40`, `segments_missed_total{input="a",reason="truncated"} 2x40`,
		`ingest_requests_total{input="a",code="201"} 0+5x40`, `ingest_requests_total{input="a",code="404"} 0+5x40`,
		`ingest_requests_total{input="a",code="401"} 8x40`,
		`store_bytes 100x40`, `store_capacity_bytes 200x40`,
	}, nil},
	{"one input is down", []string{
		`input_up{input="a"} 1x20 0x20`, `input_up{input="b"} 1x40`, `slots_published_total{endpoint="hls"} 10+2x40`,
	}, []string{"LiveOriginInputDown"}},
	{"both inputs are down", []string{
		`input_up{input="a"} 1x20 0x20`, `input_up{input="b"} 1x20 0x20`, `slots_published_total{endpoint="hls"} 10x40`,
	}, []string{"LiveOriginInputDown", "LiveOriginOffAir"}},
	{"an endpoint stands still", []string{
		`input_up{input="a"} 1x40`, `input_up{input="b"} 1x40`,
		`slots_published_total{endpoint="hls"} 10x40`, `slots_published_total{endpoint="fast"} 0+5x40`,
	}, []string{"LiveOriginNotPublishing"}},
	{"media was lost", []string{`slots_given_up_total{endpoint="hls"} 3x35 4x5`}, []string{"LiveOriginMediaLost"}},
	{"an initialization section does not come", []string{
		`input_waiting{input="a",for="waiting_init"} 0x20 1x20`, `input_waiting{input="a",for="waiting_rendition"} 0x40`, `input_waiting{input="b",for="waiting_init"} 0x40`,
	}, []string{"LiveOriginInputWaits"}},
	{"one input freezes", []string{
		`defects_total{input="a",defect="frozen"} 0+4x40`, `defects_total{input="b",defect="frozen"} 0x40`, `defects_total{input="b",defect="silent"} 7x40`, `defects_total{input="a",defect="silent"} 0x40`,
	}, []string{"LiveOriginDegraded"}},
	{"a black scene", []string{`defects_total{input="a",defect="starved"} 0+4x40`, `defects_total{input="b",defect="starved"} 0+4x40`}, nil},
	{"segments are patched", []string{`slots_patched_total{endpoint="hls"} 0+0.5x40`}, []string{"LiveOriginPatched"}},
	{"one segment was patched", []string{`slots_patched_total{endpoint="hls"} 4x35 5x5`}, nil},
	{"a hitless endpoint has lost its standby", []string{`hitless_protected{endpoint="hls"} 1x20 0x20`}, []string{"LiveOriginUnprotected"}},
	{"two encoders write to one input", []string{
		`noticed_total{input="a",what="two_writers"} 0x35 1x5`, `noticed_total{input="a",what="long_segment"} 0+1x40`,
	}, []string{"LiveOriginNoticed"}},
	{"an input is over a limit", []string{`over_limit_total{input="a",limit="limit_tags"} 3x35 4x5`}, []string{"LiveOriginOverLimit"}},
	{"the pair is not locked", []string{`pair_locked{a="a",b="b"} 0x40`}, []string{"LiveOriginPairNotLocked"}},
	{"a failover", []string{`failovers_total{endpoint="hls",reason="missing_segment"} 7x35 8x5`}, []string{"LiveOriginFailover"}},
	{"the operator switches", []string{`failovers_total{endpoint="hls",reason="manual"} 7x35 18x5`}, nil},
	{"inputs take turns", []string{
		`failovers_total{endpoint="hls",reason="missing_segment"} 0+0.5x40`, `failovers_total{endpoint="hls",reason="truncated"} 0+0.5x40`,
	}, []string{"LiveOriginFailover", "LiveOriginTakingTurns"}},
	{"segments are unsound", []string{`segments_missed_total{input="a",reason="truncated"} 2x35 3x5`}, []string{"LiveOriginBadSegments"}},
	{"a wrong password", []string{`ingest_requests_total{input="a",code="401"} 0+1x40`}, []string{"LiveOriginUploadsRefused"}},
	{"three nodes, and all is well", []string{
		`node_alone 0x40`, `node_up{node="n2"} 1x40`, `node_up{node="n3"} 1x40`, `node_behind_slots{node="n2"} 0x30 1 0x9`,
		`node_clock_ahead_seconds{node="n2"} -0.3x40`, `node_unwritten_seconds 0x20 5 0x19`, `nats_connection_up{connection="bulk"} 1x40`,
		`node_uploads_missed_total{input="a"} 3x40`, `node_messages_lost_total 3x40`, `histories_adopted_total{endpoint="hls"} 1x40`,
	}, nil},
	{"a node is alone", []string{`node_alone 0x35 1x5`, `node_up{node="n2"} 1x20 0x20`}, []string{"LiveOriginNodeAlone", "LiveOriginNodeLost"}},
	{"a node is lost", []string{`node_alone 0x40`, `node_up{node="n2"} 1x20 0x20`, `node_up{node="n3"} 1x40`}, []string{"LiveOriginNodeLost"}},
	{"a node was lost long ago", []string{`node_alone 0x60`, `node_up{node="n2"} 1x20 0x10 _x30`, `node_up{node="n3"} 1x60`}, []string{"LiveOriginNodeLost"}},
	{"the channel is gone", []string{`node_alone 0x20 _x40`, `node_up{node="n2"} 1x20 _x40`, `store_bytes 0x60`}, nil},
	{"a node is behind", []string{`node_behind_slots{node="n2"} 0x20 3x20`, `node_behind_slots{node="n1"} 0x40`}, []string{"LiveOriginNodeBehind"}},
	{"a clock is off", []string{`node_clock_ahead_seconds{node="n2"} -0.7x40`, `node_clock_ahead_seconds{node="n3"} 0.2x40`}, []string{"LiveOriginNodeClock"}},
	{"a node misses uploads", []string{`node_uploads_missed_total{input="a"} 0+1x40`, `node_uploads_missed_total{input="b"} 0x40`, `node_messages_lost_total 0x40`}, []string{"LiveOriginNodeMisses"}},
	{"two histories met", []string{`histories_adopted_total{endpoint="hls"} 0x35 1x5`}, []string{"LiveOriginHistoryAdopted"}},
	{"JetStream is away", []string{`node_unwritten_seconds 0x30 15+15x10`}, []string{"LiveOriginJetStreamAway"}},
	{"a node reaches one server only", []string{`nats_connection_up{connection="facts a"} 1x40`, `nats_connection_up{connection="facts b"} 1x20 0x20`}, []string{"LiveOriginNATSConnection"}},
	{"the store is nearly full", []string{`store_bytes 100+5x40`, `store_capacity_bytes 300x40`}, []string{"LiveOriginStoreFull"}},
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	rules := readAlerts(t)
	engine := promqlengine.NewEngine(promqlengine.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: promql})
	fired := map[string]bool{}
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			scraped, end := scrape(t, s.series)
			var fires []string
			for _, r := range rules {
				query, err := engine.NewInstantQuery(t.Context(), scraped, nil, r.Expr, end)
				if err != nil {
					t.Fatal(err)
				}
				result, err := query.Exec(t.Context()).Vector()
				if err != nil {
					t.Fatalf("%s: %v", r.Alert, err)
				}
				if len(result) > 0 {
					fires, fired[r.Alert] = append(fires, r.Alert), true
				}
			}
			slices.Sort(fires)
			if !slices.Equal(fires, s.fires) {
				t.Errorf("alerts: %v, want %v", fires, s.fires)
			}
		})
	}
	for _, r := range rules {
		if !fired[r.Alert] {
			t.Errorf("%s was never tried", r.Alert)
		}
	}
}

// scrape is a Prometheus that has scraped the series of a channel, and when that
// was over.
func scrape(t *testing.T, descriptions []string) (storage.Queryable, time.Time) {
	t.Helper()
	const every = 15_000 // milliseconds
	var all []storage.Series
	last := int64(0)
	for _, d := range descriptions {
		series, values, err := promql.ParseSeriesDesc("caddy_live_origin_" + d)
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		b := labels.NewBuilder(series)
		b.Set("store", "memory").Set("channel", "sports").Set("job", "origin").Set("instance", "origin:9180")
		if strings.HasPrefix(d, "store_") || strings.HasPrefix(d, "nats_") {
			b.Del("channel")
		}
		s := promqlengine.Series{Metric: b.Labels()}
		for i, v := range values {
			last = max(last, int64(i)*every)
			if !v.Omitted {
				s.Floats = append(s.Floats, promqlengine.FPoint{T: int64(i) * every, F: v.Value})
			}
		}
		all = append(all, promqlengine.NewStorageSeries(s))
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			return &found{list: slices.DeleteFunc(slices.Clone(all), func(s storage.Series) bool {
				return slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) })
			})}
		},
	}}, time.UnixMilli(last)
}

// found is what a query selects.
type found struct {
	list []storage.Series
	next int
}

func (f *found) Next() bool                        { f.next++; return f.next <= len(f.list) }
func (f *found) At() storage.Series                { return f.list[f.next-1] }
func (f *found) Err() error                        { return nil }
func (f *found) Warnings() annotations.Annotations { return nil }
