package media

import (
	"bytes"
	"io"
	"testing"

	mp4bits "github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// benchSegment is 2 s of 720p with 3 Mbit/s.
func benchSegment(b *testing.B) []byte {
	b.Helper()
	return segment(b, "bench", 0)
}

// BenchmarkProbeTS compares the prober with go-astits. The bytes come in
// blocks of 32 KiB, as from a socket.
func BenchmarkProbeTS(b *testing.B) {
	seg := benchSegment(b)
	b.Run("prober", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			p := NewProber()
			for rest := seg; len(rest) > 0; {
				n := min(32<<10, len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			if _, err := p.Finish(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-astits", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			astitsProbe(b, seg)
		}
	})
}

// BenchmarkProbeFMP4 compares the prober, with its init section at hand, with
// mp4ff's own way, which needs the whole object in memory and accepts one that
// is cut.
func BenchmarkProbeFMP4(b *testing.B) {
	r := renditions(b, "bench")[0]
	init, seg := probeInit(b, r.init), r.segments[0]
	b.Run("prober", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			p := NewProber()
			for rest := seg; len(rest) > 0; {
				n := min(32<<10, len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			probed, err := p.Finish()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := probed.Fragments.Resolve(init); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mp4ff", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := mp4.DecodeFileSR(mp4bits.NewFixedSliceReader(seg)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("init", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := probeAny(r.init); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGrade is what grading costs on top of probing, once the run is known.
func BenchmarkGrade(b *testing.B) {
	ts := probe(b, benchSegment(b))
	r := renditions(b, "bench")[0]
	mp4 := resolve(b, r.init, r.segments[0])
	for name, info := range map[string]*Info{"ts": ts, "fmp4": mp4} {
		b.Run(name, func(b *testing.B) {
			var g Grader
			var before *Graded
			b.ReportAllocs()
			for b.Loop() {
				before = g.Grade(info, before)
			}
		})
	}
}

func BenchmarkSignature(b *testing.B) {
	info := probe(b, benchSegment(b))
	b.ReportAllocs()
	for b.Loop() {
		info.Signature()
	}
}

// BenchmarkRewriteCounters compares reading through a Rewriter with reading.
func BenchmarkRewriteCounters(b *testing.B) {
	seg := benchSegment(b)
	delta := CounterDelta("0+3 256+5 257+7 4096+1")
	buf := make([]byte, 32<<10)
	drain := func(b *testing.B, r io.Reader) {
		for {
			_, err := r.Read(buf)
			if err == io.EOF {
				return
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("rewriter", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			drain(b, io.NewSectionReader(NewRewriter(bytes.NewReader(seg), delta), 0, int64(len(seg))))
		}
	})
	b.Run("plain copy", func(b *testing.B) {
		b.SetBytes(int64(len(seg)))
		b.ReportAllocs()
		for b.Loop() {
			drain(b, bytes.NewReader(seg))
		}
	})
}
