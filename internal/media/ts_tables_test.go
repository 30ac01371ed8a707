package media

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// withoutTables takes PAT and PMT out of a transport stream.
func withoutTables(b []byte) []byte {
	var out []byte
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		if pid := binary.BigEndian.Uint16(b[1:]) & tsNullPID; pid != 0 && pid != 0x1000 {
			out = append(out, b[:tsPacket]...)
		}
	}
	return out
}

func probeWith(tables Tables, b []byte) (Probed, error) {
	p := NewProber()
	p.Inherit(tables)
	p.Write(b)
	return p.Finish()
}

// A segment without tables is what it would be with those of its run, and a player that
// gets them in front can start with it.
func TestSegmentsInheritTables(t *testing.T) {
	first, err := probeAny(segment(t, "h264", 0))
	if err != nil || len(first.Tables) != 2*tsPacket {
		t.Fatalf("%d bytes of tables, %v", len(first.Tables), err)
	}
	whole := segment(t, "h264", 1)
	bare := withoutTables(whole)
	refused(t, bare, ReasonNoTables, "no PAT")
	got, err := probeWith(first.Tables, bare)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, got.Info)
	want := probe(t, whole)
	if got.Info.Signature() != want.Signature() || got.Info.Start != want.Start || got.Info.End != want.End || got.Tables != nil {
		t.Errorf("from %d to %d, want %d to %d", got.Info.Start, got.Info.End, want.Start, want.End)
	}
	if !bytes.Equal(got.Info.Tables, first.Tables) {
		t.Error("other tables")
	}
	again := startsWithTables(t, got.Info, bare)
	if again.Signature() != want.Signature() {
		t.Error("another signature")
	}
}

// startsWithTables checks that the object can be played behind its tables.
func startsWithTables(t *testing.T, info *Info, b []byte) *Info {
	t.Helper()
	tables := info.Tables.Info()
	if tables.Size != int64(len(info.Tables)) {
		t.Errorf("%d bytes of tables, described as %d", len(info.Tables), tables.Size)
	}
	deltas, next := PlanCounters(nil, []*Info{tables, info})
	again := probe(t, join(recounted(t, info.Tables, deltas[0]), recounted(t, b, deltas[1])))
	if again.CounterErrors > 0 {
		t.Errorf("%d counter errors", again.CounterErrors)
	}
	for _, c := range again.Counters {
		if next[c.PID] != c.Last {
			t.Errorf("the counter of PID %d ends at %d, not %d", c.PID, c.Last, next[c.PID])
		}
	}
	return again
}

// Tables of the object itself go before those of the run, and what does not fit stays
// refused.
func TestOnlyFittingTablesAreInherited(t *testing.T) {
	own, err := probeAny(smallSegment(126000).b)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := probeWith(own.Tables, smallSegment(126000).b); err != nil || p.Info.Tables != nil || p.Tables == nil {
		t.Errorf("own tables: %v", err)
	}
	other := newStream()
	other.tables(pmtEntry{streamH264, 0x200, nil})
	other.unit(0x200, nil, pes(0xe0, 0, 0, join(testAUD, testSPS, testPPS, testIDR, make([]byte, 300)), false))
	if _, err := probeWith(own.Tables, withoutTables(other.b)); err == nil {
		t.Error("other PIDs are taken")
	}
	if p, err := probeWith(own.Tables, other.b); err != nil || p.Info.Tables != nil {
		t.Errorf("a new layout: %v", err)
	}
	late := newStream()
	late.body(126000)
	late.tables(pmtEntry{streamH265, videoPID, nil}, avTracks[1])
	late.body(133200)
	if _, err := probeWith(own.Tables, late.b); err == nil || err.(*Fault).Reason != ReasonLayoutChanged {
		t.Errorf("tables that come late and differ: %v", err)
	}
	same := newStream()
	same.body(126000)
	same.tables(avTracks...)
	same.body(133200)
	p, err := probeWith(own.Tables, same.b)
	if err != nil || p.Info.EarlyPackets != 0 || p.Info.Tracks[0].Samples != 4 {
		t.Fatalf("tables that come late: %v", err)
	}
	startsWithTables(t, p.Info, same.b)
	for _, tables := range []Tables{{}, make(Tables, 188), bytes.Repeat([]byte{0x47}, 400), own.Tables[:188], own.Tables[:200]} {
		if _, err := probeWith(tables, withoutTables(late.b)); err == nil {
			t.Errorf("tables of %d bytes", len(tables))
		}
	}
}
