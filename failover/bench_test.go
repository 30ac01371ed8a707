package failover

import (
	"testing"
	"time"
)

// BenchmarkHour is an hour of a channel with two locked inputs of six renditions
// each and two endpoints: 43,200 facts.
func BenchmarkHour(b *testing.B) {
	steps := 0
	for b.Loop() {
		w := newWorld()
		w.config.Inputs = []string{"a", "b"}
		w.config.Endpoints = []EndpointConfig{
			{Name: "short", SegmentDuration: 2 * time.Second},
			{Name: "long", SegmentDuration: 6 * time.Second},
		}
		for _, name := range w.config.Inputs {
			e := newSimulator(name)
			e.renditions = []string{"v0", "v1", "v2", "v3", "v4", "audio"}
			if err := w.start(e); err != nil {
				b.Fatal(err)
			}
		}
		steps = 0
		if err := w.run(epoch.Add(time.Hour)); err != nil {
			b.Fatal(err)
		}
		steps = w.steps
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/fact")
}
