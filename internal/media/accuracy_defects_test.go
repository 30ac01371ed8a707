package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// rewritten makes a defect by changing the bytes of one object of a sound run. It
// returns nil if the object is not one that the defect can be put into.
type rewritten struct {
	name   string
	defect Defect
	of     Format
	change func(r *rand.Rand, o object) []byte
}

// onPackets changes the packets of a transport stream: keep says what becomes of each,
// given its PID and the number of the unit (PES packet) of that PID which it belongs to.
// Counters go on as if nothing had been there, unless lost.
func onPackets(b []byte, lost bool, keep func(pid uint16, unit int, p []byte) bool) []byte {
	units, dropped := map[uint16]int{}, map[uint16]byte{}
	var out []byte
	for ; len(b) >= tsPacket; b = b[tsPacket:] {
		p := bytes.Clone(b[:tsPacket])
		pid := binary.BigEndian.Uint16(p[1:]) & tsNullPID
		if p[1]&0x40 != 0 {
			units[pid]++
		}
		if !keep(pid, units[pid]-1, p) {
			if p[3]&0x10 != 0 {
				dropped[pid]++
			}
			continue
		}
		if !lost {
			p[3] = addCounter(p[3], 16-dropped[pid]&0xf)
		}
		out = append(out, p...)
	}
	return out
}

// units counts the PES packets of a PID.
func units(b []byte, pid uint16) int {
	n := 0
	onPackets(b, true, func(of uint16, unit int, _ []byte) bool {
		if of == pid {
			n = max(n, unit+1)
		}
		return true
	})
	return n
}

const (
	ffVideo = 0x100 // the PIDs of ffmpeg
	ffAudio = 0x101
)

// rewrittenDefects are the defects that can be made of the bytes of one object.
var rewrittenDefects = []rewritten{
	{"one picture cut out", DefectHole, FormatTS, cutUnits(ffVideo, 1, false)},
	{"three pictures cut out", DefectHole, FormatTS, cutUnits(ffVideo, 3, false)},
	{"the last five pictures cut off", DefectHole, FormatTS, cutUnits(ffVideo, 5, true)},
	{"one PES packet of audio cut out", DefectHole, FormatTS, cutUnits(ffAudio, 1, false)},
	{"all audio packets dropped", DefectTrackGone, FormatTS, func(_ *rand.Rand, o object) []byte {
		return onPackets(o.b, false, func(pid uint16, _ int, _ []byte) bool { return pid != ffAudio })
	}},
	{"audio ends 0.8 s early", DefectTrackGone, FormatTS, func(_ *rand.Rand, o object) []byte {
		info := probed0(o)
		n, length := units(o.b, ffAudio), info.End-info.Start
		drop := int(int64(n)*8*ClockRate/10/length) + 2
		return onPackets(o.b, false, func(pid uint16, unit int, _ []byte) bool { return pid != ffAudio || unit < n-drop })
	}},
	{"three packets lost", DefectDamaged, FormatTS, func(r *rand.Rand, o object) []byte {
		at := 20 + r.IntN(len(o.b)/tsPacket-40)
		n := 0
		return onPackets(o.b, true, func(uint16, int, []byte) bool { n++; return n < at || n >= at+3 })
	}},
	{"one packet marked as damaged", DefectDamaged, FormatTS, func(r *rand.Rand, o object) []byte {
		at := 20 + r.IntN(len(o.b)/tsPacket-40)
		n := 0
		return onPackets(o.b, true, func(_ uint16, _ int, p []byte) bool {
			if n++; n == at {
				p[1] |= 0x80
			}
			return true
		})
	}},
	{"the key frame in front cut off", DefectNoKeyFrame, FormatTS, func(_ *rand.Rand, o object) []byte {
		return onPackets(o.b, false, func(pid uint16, unit int, _ []byte) bool { return pid != ffVideo || unit != 0 })
	}},
	{"sizes that do not add up", DefectDamaged, FormatMP4, func(_ *rand.Rand, o object) []byte {
		at := bytes.LastIndex(o.b, []byte("mdat")) - 4
		out := append(bytes.Clone(o.b), make([]byte, 33)...)
		binary.BigEndian.PutUint32(out[at:], binary.BigEndian.Uint32(out[at:])+33)
		return out
	}},
}

// cutUnits cuts n PES packets out of the middle of a track, or off its end.
func cutUnits(pid uint16, n int, end bool) func(*rand.Rand, object) []byte {
	return func(r *rand.Rand, o object) []byte {
		all := units(o.b, pid)
		if all < n+3 {
			return nil
		}
		from := all - n
		if !end {
			from = 1 + r.IntN(all-n-1)
		}
		return onPackets(o.b, false, func(of uint16, unit int, _ []byte) bool { return of != pid || unit < from || unit >= from+n })
	}
}

func probed0(o object) *Info {
	p, err := probeAny(o.b)
	if err != nil {
		panic(err)
	}
	return p.Info
}

// Each defect that is put into one object of a sound run is found there, or at the
// latest in the next one.
func TestDefectsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes for minutes")
	}
	var table strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range rewrittenDefects {
		t.Run(d.name, func(t *testing.T) {
			made, found, onTime := 0, 0, 0
			for _, kind := range basesOf(t, d.of) {
				objects := kind.objects
				for k := 10; k < len(objects)-1; k++ {
					b := d.change(r, objects[k])
					if b == nil {
						continue
					}
					bad := append(append(append([]object{}, objects[:k]...), object{b, objects[k].init}), objects[k+1])
					graded := gradeAll(t, bad)
					made++
					for late, g := range graded[k:] {
						if has(g, d.defect) {
							found++
							onTime += 1 - late
							break
						}
					}
				}
			}
			if made == 0 || found*100 < made*90 {
				t.Errorf("%s found in %d of %d", d.defect, found, made)
			}
			fmt.Fprintf(&table, "| `%s` | %s | %d | %d %% | %d %% |\n", d.defect, d.name, made, found*100/max(made, 1), onTime*100/max(made, 1))
		})
	}
	for _, d := range encodedDefects {
		t.Run(d.name, func(t *testing.T) {
			made, found, late := 0, 0, 0
			muxers := []string{hlsTS}
			if *accuracySeconds >= 60 && !strings.Contains(d.options, "nal-hrd=cbr") { // filler data is for TS
				muxers = append(muxers, hlsMP4)
			}
			for _, muxer := range muxers {
				kind := goodKind{d.name, d.sources, d.options, muxer}
				for _, objects := range encode(t, kind, int(d.to)+6) {
					made++
					for i, g := range gradeAll(t, objects) {
						seen := has(g, d.defect)
						if at := float64(i+1) * 2; seen && at > d.from && at <= d.to+4 {
							found++
							late += int(at - d.from)
							break
						} else if seen {
							t.Errorf("%s in segment %d: %s", d.defect, i, g.Text())
							break
						}
					}
				}
			}
			if found < made {
				t.Errorf("%s found in %d of %d", d.defect, found, made)
			}
			fmt.Fprintf(&table, "| `%s` | %s | %d | %d %% | after %d s |\n", d.defect, d.name, made, found*100/made, late/max(found, 1))
		})
	}
	t.Logf("\n%s", table.String())
	appendTable(t, table.String())
}

func has(g *Graded, d Defect) bool {
	for _, f := range g.Findings {
		if f.Defect == d {
			return true
		}
	}
	return false
}

// encodedDefects are those that last: what an encoder makes of a source that is lost.
var encodedDefects = []struct {
	name, sources, options string
	defect                 Defect
	from, to               float64
}{
	{"pictures missing for 120 ms", in("testsrc2=size=160x90:rate=25,select=not(between(t\\,21\\,21.09))", music), "-vsync vfr " + smallx264 + "-bf 2 -g 50 -sc_threshold 0 -force_key_frames expr:gte(t,n_forced*2) -c:a aac", DefectHole, 20, 22},
	{"black for 10 s", in("testsrc2=size=160x90:rate=25,drawbox=t=fill:color=black:enable=between(t\\,20\\,30)", music), smallx264 + "-b:v 300k -bf 2 -g 50 -c:a aac", DefectStarved, 20, 32},
	{"a still picture for 10 s", in("testsrc2=size=320x180:rate=25,noise=alls=6:allf=t,loop=loop=250:size=1:start=500,setpts=N/25/TB", music), smallx264 + "-b:v 300k -maxrate 300k -bufsize 300k -bf 2 -g 50 -c:a aac", DefectFrozen, 20, 32},
	{"a still picture for 10 s, constant quality", in("testsrc2=size=320x180:rate=25,noise=alls=6:allf=t,loop=loop=250:size=1:start=500,setpts=N/25/TB", music), tinyx264 + "-g 50 -c:a aac", DefectFrozen, 20, 32},
	{"a still picture for 10 s, H.265", in("testsrc2=size=320x180:rate=25,noise=alls=6:allf=t,loop=loop=250:size=1:start=500,setpts=N/25/TB", music), tinyx265 + "-tag:v hvc1 -x265-params log-level=error:keyint=50:min-keyint=50:scenecut=0 -c:a aac", DefectFrozen, 20, 32},
	{"a still picture for 20 s, constant bit rate", in("testsrc2=size=320x180:rate=25,noise=alls=6:allf=t,loop=loop=500:size=1:start=500,setpts=N/25/TB", music), smallx264 + "-b:v 1M -minrate 1M -maxrate 1M -bufsize 500k -x264-params nal-hrd=cbr -bf 2 -g 50 -c:a aac", DefectFrozen, 20, 42},
	{"mute for 10 s", in(moving, "aevalsrc='if(between(t,20,30),0,0.3*sin(440*2*PI*t)+0.05*random(0))':s=48000"), smallx264 + "-bf 2 -g 50 -c:a aac -b:a 96k -ac 2", DefectSilent, 20, 32},
}

type baseKind struct {
	name    string
	objects []object
}

var basesMade = map[Format][]baseKind{}

// basesOf is sound material that defects are put into.
func basesOf(t *testing.T, of Format) []baseKind {
	if made := basesMade[of]; made != nil {
		return made
	}
	var made []baseKind
	for _, k := range goodKinds {
		if of == FormatTS && strings.Contains(k.muxer, "fmp4") || of == FormatMP4 && !strings.Contains(k.muxer, "fmp4") {
			continue
		}
		switch k.name {
		case "25 fps, B pictures, TS", "29.97 fps, TS", "B pyramid, TS", "H.265, TS", "cells (life), fMP4", "59.94 fps, fMP4":
			made = append(made, baseKind{k.name, encode(t, k, 36)[0]})
		}
	}
	basesMade[of] = made
	return made
}
