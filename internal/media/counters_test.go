package media

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"testing/iotest"
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
		if deltas[i] == nil {
			out.Write(p)
			continue
		}
		if _, err := io.Copy(&out, NewRewriter(bytes.NewReader(p), deltas[i])); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes(), next
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
		if d != nil {
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
	wantDeltas := []CounterDelta{{0x101: 4, 0x102: 11}, {0x101: 14}, nil}
	if !reflect.DeepEqual(deltas, wantDeltas) {
		t.Errorf("deltas %v, want %v", deltas, wantDeltas)
	}
	want := CounterState{0x100: 5, 0x101: 14, 0x102: 4, 0x1f0: 7, 0x200: 2}
	if !reflect.DeepEqual(next, want) {
		t.Errorf("state %v, want %v", next, want)
	}
}

// The sizes in which the stream is read don't matter, and null packets and
// packets without payload are treated as the standard says.
func TestRewriterReadsInPiecesOfAnySize(t *testing.T) {
	s := smallSegment(126000)
	s.packet(videoPID, false, []byte{0}, nil)
	b := join(nullPackets(1), s.b, nullPackets(1))
	delta := CounterDelta{videoPID: 7, tsNullPID: 3}
	want := bytes.Clone(b)
	for i := 0; i < len(want); i += tsPacket {
		if binary.BigEndian.Uint16(want[i+1:])&0x1fff == videoPID {
			want[i+3] = want[i+3]&0xf0 | (want[i+3]+7)&0xf
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	readers := map[string]func() io.Reader{
		"at once":    func() io.Reader { return bytes.NewReader(b) },
		"byte by":    func() io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) },
		"halves":     func() io.Reader { return iotest.HalfReader(bytes.NewReader(b)) },
		"with error": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(b)) },
		"random":     func() io.Reader { return randomReader{bytes.NewReader(b), rng} },
	}
	for name, r := range readers {
		for range 20 {
			got, err := io.ReadAll(NewRewriter(r(), delta))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %v, %d bytes, equal %v", name, err, len(got), bytes.Equal(got, want))
			}
		}
	}
}

type randomReader struct {
	r   io.Reader
	rng *rand.Rand
}

func (r randomReader) Read(b []byte) (int, error) {
	return r.r.Read(b[:min(len(b), 1+r.rng.IntN(400))])
}
