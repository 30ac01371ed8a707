package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// slowTracer takes a second for each of the first records.
type slowTracer struct {
	slow    int
	records []failover.Record
}

func (s *slowTracer) Trace(r failover.Record) Following {
	if len(s.records) < s.slow {
		time.Sleep(time.Second)
	}
	s.records = append(s.records, r)
	return Records
}

// A tracer that is too slow loses records. What comes next is a checkpoint: a replay can't go on
// across a hole.
func TestBehindWhatASlowTracerMissesIsACheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := &slowTracer{slow: 3}
		var traces *traces
		traces = newTraces(func(bool) {
			time.Sleep(time.Second) // for the channel's lock
			traces.records.put(failover.Record{Open: &failover.Opening{}})
		})
		traces.traceTo(tracer)
		began := time.Now()
		fact := func() { traces.records.put(failover.RecordOf(time.Now(), failover.Tick{})) }
		fact()
		synctest.Wait() // the tracer has it, and takes its time
		for range tracesSize + 10 {
			fact()
		}
		for range 10 {
			time.Sleep(500 * time.Millisecond)
			fact() // behind the hole
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const before = 1 + tracesSize
		if len(tracer.records) <= before {
			t.Fatalf("%d records", len(tracer.records))
		}
		for i, r := range tracer.records[:before] {
			if r.Tick == nil || r.Time.After(began) {
				t.Fatalf("record %d before the hole is %+v", i, r)
			}
		}
		if next := tracer.records[before]; next.Open == nil {
			t.Errorf("behind the hole is %+v", next)
		}
	})
}
