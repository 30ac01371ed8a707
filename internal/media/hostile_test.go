package media

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
)

// Nothing that comes makes the prober panic, fail to answer, or grow.
func TestDamagedSegmentsNeverPanic(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	seeds := [][]byte{smallSegment(126000).b, smallSegment(1<<33 - 1800).b}
	if !testing.Short() {
		for _, name := range []string{"h264", "hevc", "mp3", "eac3"} {
			b := segment(t, name, 0)
			seeds = append(seeds, b[:min(len(b), 60*tsPacket)/tsPacket*tsPacket])
		}
	}
	for _, seed := range seeds {
		for range 3000 {
			b := bytes.Clone(seed)
			for range 1 + rng.IntN(6) {
				switch rng.IntN(3) {
				case 0:
					b[rng.IntN(len(b))] = byte(rng.Uint32())
				case 1: // headers are where it hurts
					b[rng.IntN(len(b)/tsPacket)*tsPacket+rng.IntN(40)] ^= 1 << rng.IntN(8)
				case 2:
					i := rng.IntN(len(b) / tsPacket)
					copy(b[i*tsPacket+4:(i+1)*tsPacket], seed[rng.IntN(len(seed)-tsPacket):])
				}
			}
			if info, err := tryProbe(b); err == nil {
				holds(t, info)
			}
		}
	}
}

// holds checks what has to be true of every accepted object.
func holds(t testing.TB, info *Info) {
	t.Helper()
	if info.Modulus > 0 && (info.Start < 0 || info.Start >= info.Modulus) || info.End < info.Start {
		t.Fatalf("Start %d, End %d", info.Start, info.End)
	}
	for parts := range 3 {
		at := int64(0)
		for _, r := range info.JoinRanges(parts/2, parts) {
			if r.Start < at || r.End <= r.Start || r.End > info.Size {
				t.Fatalf("ranges %v of %d bytes", info.JoinRanges(parts/2, parts), info.Size)
			}
			at = r.End
		}
	}
	for i, k := range info.KeyFrames {
		if k.Start < 0 || k.End <= k.Start || k.End > info.Size || i >= maxKeyFrames {
			t.Fatalf("key frames %+v of %d bytes", info.KeyFrames, info.Size)
		}
	}
	if info.End == info.Start && info.FrameDuration != 0 {
		t.Fatalf("no duration, but frames of %d", info.FrameDuration)
	}
	if len(info.Tracks) > maxTracks || len(info.Counters) > maxPIDs {
		t.Fatalf("%d tracks, %d PIDs", len(info.Tracks), len(info.Counters))
	}
	holdsGrades(t, info)
}

// holdsGrades checks what is measured of an object and found in it, however often it comes.
func holdsGrades(t testing.TB, info *Info) {
	t.Helper()
	for i := range info.Tracks {
		m := &info.Tracks[i].Measure
		if m.Small < 0 || m.Others < 0 || m.Lost < 0 || m.Step < 0 || m.StepBack < 0 ||
			m.Still < 0 || m.StillTail < 0 || m.StillTail > m.Still || m.LongSteps < 0 || m.LongSteps > 0 && m.Lost == 0 {
			t.Fatalf("track %d: %+v", i, *m)
		}
	}
	var g Grader
	var before *Graded
	for range 20 {
		before = g.Grade(info, before)
		seen := map[Defect]bool{}
		for _, f := range before.Findings {
			if seen[f.Defect] || f.Missing < 0 || f.Detail == "" || len(f.Detail) > 200 {
				t.Fatalf("findings %+v", before.Findings)
			}
			seen[f.Defect] = true
		}
		if len(g.tracks) > maxGraded || len(before.tracks) > maxTracks {
			t.Fatalf("%d tracks, %d at the end", len(g.tracks), len(before.tracks))
		}
	}
}

// A hostile object of many megabytes leaves no more than the bounds allow.
func TestMemoryIsBounded(t *testing.T) {
	worst := newStream()
	worst.tables(avTracks...)
	worst.unit(videoPID, nil, pes(0xe0, 0, 0, testSPS, false))
	p := NewProber()
	p.Write(worst.b)
	block := newStream()
	block.cc = worst.cc
	for i := range 2000 {
		// parameter sets without end, all different, and never a picture
		block.packet(videoPID, false, nil, join(startCode, []byte{0x68, byte(i), byte(i >> 8), 1}, bytes.Repeat([]byte{0x55}, 170))[:170])
	}
	measure := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := measure()
	for range 50 {
		p.Write(block.b)
	}
	after := measure()
	if grown := int64(after) - int64(before); grown > 4*maxAccessUnitHead {
		t.Errorf("grown by %d bytes", grown)
	}
	if _, err := p.Finish(); err == nil {
		t.Error("accepted")
	}
	runtime.KeepAlive(block)
}

// whatHolds checks everything that an object turned out to be, and returns its
// Info if it can be had.
func whatHolds(t testing.TB, p Probed) *Info {
	t.Helper()
	if p.Info != nil {
		if p.Init != nil || p.Fragments != nil {
			t.Fatalf("several things: %+v", p)
		}
		holds(t, p.Info)
		return p.Info
	}
	if p.Init != nil {
		holdsInit(t, p.Init)
	}
	if p.Fragments == nil {
		return nil
	}
	info, err := p.Fragments.Resolve(p.Init)
	if err != nil {
		return nil
	}
	holds(t, info)
	return info
}

func holdsInit(t testing.TB, init *Init) {
	t.Helper()
	if len(init.Tracks) == 0 || len(init.Tracks) > maxTracks || init.Timescale == 0 || init.ID == (Digest{}) || init.Hash == (Digest{}) {
		t.Fatalf("%+v", init)
	}
	if init.Range.Start < 0 || init.Range.End <= init.Range.Start || init.Range.End > init.Size {
		t.Fatalf("range %v of %d bytes", init.Range, init.Size)
	}
	for _, track := range init.Tracks {
		if track.ID == 0 || track.Timescale == 0 || track.Codec == "" || len(track.Config) == 0 {
			t.Fatalf("%+v", track)
		}
	}
}

// A hostile object of fragmented MP4 leaves no more than the bounds allow.
func TestMemoryOfMP4IsBounded(t *testing.T) {
	traf := isoBox("traf", isoBox("tfhd", u32(0x020000, 1)), isoBox("tfdt", u32(0, 0)), isoBox("trun", u32(0, 16)))
	nested := isoBox("stsd", u32(0, 0))
	for range 20000 { // containers in containers without end
		nested = join(u32(uint32(len(nested)+boxHeader)), []byte("mdia"), nested)
		if len(nested) > maxMoov-1000 {
			break
		}
	}
	for name, c := range map[string]struct {
		b     []byte
		times int
	}{
		"track fragments": {join(isoBox("moof", bytes.Repeat(traf, 40)), isoBox("mdat")), 3000},
		"moofs":           {join(isoBox("moof", traf), isoBox("mdat")), 50000},
		"styps":           {join(isoBox("styp"), isoBox("sidx")), 100000},
		"free space":      {isoBox("free", make([]byte, 1<<20)), 50},
		"nested boxes":    {isoBox("moov", isoBox("trak", nested)), 1},
		"unending moov":   {join(u32(maxMoov), []byte("moov"), make([]byte, maxMoov/2)), 1},
	} {
		p := NewProber()
		measure := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := measure()
		for range c.times {
			p.Write(c.b)
		}
		if grown := int64(measure()) - int64(before); grown > 8<<20 {
			t.Errorf("%s: grown by %d bytes", name, grown)
		}
		if _, err := p.Finish(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
