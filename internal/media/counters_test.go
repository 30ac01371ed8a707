package media

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

// jumps checks continuity counters on its own, strictly: it returns the number
// of packets, per PID, whose counter does not go on.
func jumps(t testing.TB, b []byte) map[uint16]int {
	t.Helper()
	last := map[uint16]uint8{}
	bad := map[uint16]int{}
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		pid := binary.BigEndian.Uint16(b[1:]) & 0x1fff
		if pid == tsNullPID {
			continue
		}
		cc := b[3] & 0xf
		want, known := last[pid]
		if b[3]&0x10 != 0 {
			want = (want + 1) & 0xf
		}
		if known && cc != want {
			bad[pid]++
		}
		last[pid] = cc
	}
	return bad
}

// sequence joins parts as an origin does it.
func sequence(t testing.TB, state CounterState, parts ...[]byte) ([]byte, CounterState) {
	t.Helper()
	var infos []*Info
	for _, p := range parts {
		infos = append(infos, probe(t, p))
	}
	deltas, next := PlanCounters(state, infos)
	var out bytes.Buffer
	for i, p := range parts {
		out.Write(recounted(t, p, deltas[i]))
	}
	return out.Bytes(), next
}

// recounted is b with other counters.
func recounted(t testing.TB, b []byte, delta CounterDelta) []byte {
	t.Helper()
	out := make([]byte, len(b))
	if n, err := NewRewriter(bytes.NewReader(b), delta).ReadAt(out, 0); n < len(b) {
		t.Fatalf("%d of %d bytes are rewritten: %v", n, len(b), err)
	}
	return out
}

// withoutCounters returns b with all counters 0, to compare the rest.
func withoutCounters(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 3; i < len(b); i += tsPacket {
		b[i] &= 0xf0
	}
	return b
}

// A switch from one encoder to another and back leaves no trace in the counters.
func TestSwitchOfEncodersKeepsCountersContinuous(t *testing.T) {
	a0, b1, a2 := segment(t, "h264", 0), segment(t, "h264b", 1), segment(t, "h264", 2)
	plain := join(a0, b1, a2)
	if len(jumps(t, plain)) == 0 {
		t.Fatal("material has no jumps to begin with")
	}
	out, _ := sequence(t, nil, a0, b1, a2)
	if bad := jumps(t, out); len(bad) > 0 {
		t.Errorf("counters jump: %v", bad)
	}
	if !bytes.Equal(withoutCounters(out), withoutCounters(plain)) {
		t.Error("more than the counters was changed")
	}

	file := filepath.Join(t.TempDir(), "joined.ts")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || len(log) > 0 {
		t.Errorf("ffmpeg: %v\n%s", err, log)
	}
}

// Segments of one encoder that already go on are used as they are.
func TestContinuousPartsAreNotTouched(t *testing.T) {
	var parts []*Info
	for i := range segments(t, "hls") {
		parts = append(parts, probe(t, segment(t, "hls", i)))
	}
	deltas, _ := PlanCounters(nil, parts)
	for i, d := range deltas {
		if d != "" {
			t.Errorf("part %d: %v", i, d)
		}
	}
}

// The state of a slot survives a restart as JSON.
func TestCounterStateGoesOnAfterARestart(t *testing.T) {
	first, state := sequence(t, nil, segment(t, "h264", 0))
	stored, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var restored CounterState
	if err := json.Unmarshal(stored, &restored); err != nil {
		t.Fatal(err)
	}
	before := len(restored)
	second, next := sequence(t, restored, segment(t, "h264b", 2))
	if bad := jumps(t, join(first, second)); len(bad) > 0 {
		t.Errorf("counters jump: %v", bad)
	}
	if !reflect.DeepEqual(restored, state) || len(restored) != before {
		t.Error("the state that was handed in has changed")
	}
	if reflect.DeepEqual(next, state) {
		t.Error("the state has not moved on")
	}
}

func TestPlanCounters(t *testing.T) {
	part := func(counters ...Counter) *Info { return &Info{Counters: counters} }
	deltas, next := PlanCounters(CounterState{0x100: 15, 0x101: 3, 0x1f0: 7, 0x102: 4}, []*Info{
		part(
			Counter{PID: 0x100, First: 0, Last: 5, HasPayload: true}, // goes on by itself
			Counter{PID: 0x101, First: 0, Last: 9, HasPayload: true},
			Counter{PID: 0x102, First: 9, Last: 9}, // clock only: repeats
			Counter{PID: 0x200, First: 8, Last: 2, HasPayload: true},
		),
		part(Counter{PID: 0x101, First: 0, Last: 0, HasPayload: true}),
		part(), // no transport stream, or without packets
	})
	wantDeltas := []CounterDelta{"257+4 258+11", "257+14", ""}
	if !reflect.DeepEqual(deltas, wantDeltas) {
		t.Errorf("deltas %v, want %v", deltas, wantDeltas)
	}
	want := CounterState{0x100: 5, 0x101: 14, 0x102: 4, 0x1f0: 7, 0x200: 2}
	if !reflect.DeepEqual(next, want) {
		t.Errorf("state %v, want %v", next, want)
	}
}

// Wherever and in whatever sizes the stream is read, and null packets and
// packets without payload are treated as the standard says.
func TestRewriterReadsAnyRange(t *testing.T) {
	s := smallSegment(126000)
	s.packet(videoPID, false, []byte{0}, nil)
	b := join(nullPackets(1), s.b, nullPackets(1), s.b[:100]) // the end is torn
	delta := NewCounterDelta(map[uint16]uint8{videoPID: 7, tsNullPID: 3, 0x100 + videoPID: 0})
	want := bytes.Clone(b)
	for i := 0; i < len(want); i += tsPacket {
		if binary.BigEndian.Uint16(want[i+1:])&0x1fff == videoPID {
			want[i+3] = want[i+3]&0xf0 | (want[i+3]+7)&0xf
		}
	}
	r := NewRewriter(bytes.NewReader(b), delta)
	got := make([]byte, len(b)+1)
	for from := range len(b) {
		for _, size := range []int{1, 2, 3, 4, 5, tsPacket - 1, tsPacket, tsPacket + 1, 2*tsPacket + 3, len(b) - from, len(b)} {
			n, err := r.ReadAt(got[:size], int64(from))
			whole := want[from:min(from+size, len(want))]
			if !bytes.Equal(got[:n], whole) || n < size && err != io.EOF {
				t.Fatalf("%d bytes from %d: %d bytes, %v, equal %v", size, from, n, err, bytes.Equal(got[:n], whole))
			}
		}
	}
}

// What a record says is no reason to fail.
func TestRewriterIgnoresWhatIsNoDelta(t *testing.T) {
	b := smallSegment(126000).b
	for _, text := range []CounterDelta{" ", "+", "a+1", "256", "256+16", "8191+3", "8192+3", "70000+1", "-1+1", "256+-1"} {
		if !bytes.Equal(recounted(t, b, text), b) {
			t.Errorf("%q changes something", text)
		}
	}
	if one := NewCounterDelta(map[uint16]uint8{videoPID: 1}); !bytes.Equal(recounted(t, b, "x+2 "+one+" 9"), recounted(t, b, one)) {
		t.Error("the entry between is lost")
	}
}
