package failover

import (
	"fmt"
	"testing"
	"time"
)

// perFact runs a channel until it is steady, and then measures what a fact costs.
func perFact(b *testing.B, c Config, renditions int, warm time.Duration, change func(*world)) {
	var names []string
	for i := range renditions - 1 {
		names = append(names, fmt.Sprintf("v%d", i))
	}
	names = append(names, "audio")
	w := newWorld()
	w.config = c
	for _, name := range c.Inputs {
		e := newSimulator(name)
		e.renditions = names
		if err := w.start(e); err != nil {
			b.Fatal(err)
		}
	}
	run := func(d time.Duration) {
		if err := w.run(w.now.Add(d)); err != nil {
			b.Fatal(err)
		}
		// What the world remembers is not the channel's.
		w.trace, w.effects, w.arrivals = nil, nil, nil
	}
	for range int(warm / time.Minute) {
		run(time.Minute)
	}
	if change != nil {
		change(w)
	}
	run(10 * time.Minute)
	w.steps = 0
	b.ResetTimer()
	for b.Loop() {
		run(10 * time.Second)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(w.steps), "ns/fact")
}

// BenchmarkSteady: two locked inputs of six renditions, two endpoints.
func BenchmarkSteady(b *testing.B) {
	perFact(b, Config{Inputs: []string{"a", "b"}, Endpoints: []EndpointConfig{
		{Name: "short", SegmentDuration: 2 * time.Second},
		{Name: "long", SegmentDuration: 6 * time.Second},
	}}, 6, 0, nil)
}

// BenchmarkDelayAndDeadInput: a time delay of hours, and an input that has been dead for
// ten minutes. What a fact costs is the same for each of them.
func BenchmarkDelayAndDeadInput(b *testing.B) {
	for _, delay := range []time.Duration{144 * time.Minute, 24 * time.Hour} {
		b.Run(delay.String(), func(b *testing.B) {
			perFact(b, Config{Inputs: []string{"a", "b"}, MaxBacklog: delay + 10*time.Minute, Endpoints: []EndpointConfig{
				{Name: "hls", SegmentDuration: 2 * time.Second, TimeDelay: delay},
			}}, 6, delay, func(w *world) { w.encoders["a"].off = true })
		})
	}
}

// BenchmarkManyInputs: four inputs of twenty renditions.
func BenchmarkManyInputs(b *testing.B) {
	perFact(b, Config{Inputs: []string{"a", "b", "c", "d"}, Endpoints: []EndpointConfig{
		{Name: "hls", SegmentDuration: 2 * time.Second, PlaylistWindow: time.Minute},
	}}, 20, 0, nil)
}
