package media

import (
	"bytes"
	"reflect"
	"testing"
)

func fuzzSeeds() [][]byte {
	hevc := newStream()
	hevc.tables(pmtEntry{streamH265, videoPID, nil})
	hevc.unit(videoPID, nil, pes(0xe0, 3600, 0, join(
		[]byte{0, 0, 0, 1, 0x40, 1, 0x0c, 1, 0xff, 0xff, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0x95, 0x98, 9},
		[]byte{0, 0, 0, 1, 0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0xa0, 0x0a, 8, 0x0b, 0x9f, 0x79, 0x65, 0x79, 0xa4, 0xca, 0xe0, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 1, 0x90, 0x80},
		[]byte{0, 0, 0, 1, 0x26, 1, 0xaf, 0x11, 0x80}, make([]byte, 60)), false))
	mp3 := newStream()
	mp3.tables(pmtEntry{streamMPEG1Audio, audioPID, nil})
	frame := join([]byte{0xff, 0xfb, 0x94, 0}, make([]byte, 380))
	mp3.unit(audioPID, nil, pes(0xc0, 0, 0, join(frame, frame), true))
	ac3 := newStream()
	ac3.tables(pmtEntry{streamPrivatePES, audioPID, []byte{0x6a, 1, 0}}, pmtEntry{0x86, 0x1f0, nil})
	frame = join([]byte{0x0b, 0x77, 0, 0, 0x14, 0x40, 0x43}, make([]byte, 768-7))
	ac3.unit(audioPID, nil, pes(0xbd, 0, 0, join(frame, frame), true))
	eac3 := newStream()
	eac3.tables(pmtEntry{streamEAC3, audioPID, nil})
	frame = join([]byte{0x0b, 0x77, 0, 0x7f, 0x34, 0x86}, make([]byte, 256-6))
	eac3.unit(audioPID, nil, pes(0xbd, 0, 0, join(frame, frame), true))
	opus := newStream()
	opus.tables(pmtEntry{streamPrivatePES, audioPID, opusDescriptors})
	opus.unit(audioPID, nil, pes(0xbd, 0, 0, join(opusUnit(40), opusUnit(3), opusUnit(600)), true))
	dts := newStream()
	dts.tables(pmtEntry{streamDTS, audioPID, nil})
	dts.unit(audioPID, nil, pes(0xbd, 0, 0, join(dtsFrame, dtsFrame), true))
	init, segment := smallMP4()
	return [][]byte{
		smallSegment(126000).b, smallSegment(1<<33 - 1800).b, hevc.b, mp3.b, ac3.b, eac3.b, opus.b, dts.b,
		nullPackets(4), []byte("#EXTM3U\n"), []byte("\x00\x00\x00\x18ftypmp42"),
		init, segment, join(init, segment), join(id3Time(5), adts(3, 150), id3(4, id3Frame("TXXX", []byte("x")))),
		[]byte("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n1\n00:01.000 --> 00:02.000\n\u00e9\n"),
	}
}

func TestFuzzSeedsAreSound(t *testing.T) {
	for i, b := range fuzzSeeds()[:6] {
		holds(t, probe(t, b))
		if len(probe(t, b).Tracks[0].Codec) == 0 {
			t.Errorf("seed %d has no codec", i)
		}
	}
}

// FuzzProber feeds anything, in two ways: it must not panic, must give the same
// answer, and an accepted object must be one that can be joined.
func FuzzProber(f *testing.F) {
	for _, b := range fuzzSeeds() {
		f.Add(b, uint16(100))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		probed, err := probeAny(b)
		p := NewProber()
		for rest := b; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			p.Write(rest[:n])
			rest = rest[n:]
		}
		again, errAgain := p.Finish()
		if !reflect.DeepEqual(probed, again) || !reflect.DeepEqual(err, errAgain) {
			t.Fatalf("in one: %+v, %v\nin pieces of %d: %+v, %v", probed, err, int(piece)+1, again, errAgain)
		}
		inherited := NewProber()
		inherited.Inherit(b[:min(len(b), 2*tsPacket)])
		inherited.Write(b[min(len(b), 2*tsPacket):])
		if p, err := inherited.Finish(); err == nil {
			whatHolds(t, p)
		}
		if err != nil {
			return
		}
		info := whatHolds(t, probed)
		if info == nil || info.Format != FormatTS {
			return
		}
		deltas, _ := PlanCounters(CounterState{videoPID: 3}, []*Info{info, info})
		for _, d := range deltas {
			recounted(t, b, d)
		}
	})
}

// FuzzTables feeds PAT and PMT bodies with a correct CRC, which the fuzzer
// would never hit by itself.
func FuzzTables(f *testing.F) {
	f.Add([]byte{0, 1, 0xf0, 0}, []byte{0xe1, 0, 0xf0, 0, streamH264, 0xe1, 0, 0xf0, 0})
	f.Add([]byte{0, 1, 0xf0, 0, 0, 2, 0xf0, 1}, []byte{0xe1, 1, 0xf0, 2, 5, 0, 6, 0xe1, 1, 0xf0, 3, 0x6a, 1, 0, 0x86, 0xe1, 0xf0, 0xf0, 0})
	f.Fuzz(func(t *testing.T, pat, pmt []byte) {
		pat, pmt = pat[:min(len(pat), 1000)], pmt[:min(len(pmt), 1000)]
		s := newStream()
		s.section(0, psiSection(0, 1, pat))
		s.section(0x1000, psiSection(2, 1, pmt))
		s.body(126000)
		s.section(0x1000, psiSection(2, 1, pmt))
		s.section(0x1000, psiSection(2, 2, pmt))
		s.body(133200)
		if info, err := tryProbe(s.b); err == nil {
			holds(t, info)
		}
	})
}

// FuzzParameterSets feeds the parsers of what is inside a stream directly.
func FuzzParameterSets(f *testing.F) {
	f.Add(testSPS[4:])
	f.Add([]byte{6, 6, 1, 0x84, 0x80})
	f.Add(adts(1, 20))
	f.Add(bytes.Split(fuzzSeeds()[2], startCode)[4])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (videoParams, bool){parseH264SPS, parseH265SPS} {
			if v, ok := parse(b); ok && (v.width <= 0 || v.height <= 0 || v.codec == "" || v.frameTicks < 0) {
				t.Fatalf("accepted: %+v", v)
			}
		}
		hasRecoveryPoint(b)
		isH264Intra(b)
		for _, codec := range []codecID{codecAAC, codecMPEGAudio, codecAC3} {
			a := newFrames(codec)
			a.begin(b, true)
			a.feed(b)
			a.finish()
			if config, name := a.config(); (name == "") != (config == nil) || a.count < 0 || a.samples < 0 {
				t.Fatalf("%x %q, %d frames, %d samples", config, name, a.count, a.samples)
			}
			if h, ok := a.parse(append(bytes.Clone(b), make([]byte, 7)...)); ok && h.size < a.need {
				t.Fatalf("frame of %d bytes", h.size)
			}
		}
	})
}

// FuzzInit feeds moov boxes that are whole, of which the fuzzer would break the
// sizes first.
func FuzzInit(f *testing.F) {
	f.Add(testAVC, testVideo.edits, "vide")
	f.Add(testAAC, isoBox("edts", isoBox("elst", u32(0, 2, 58, 1<<32-1, 1<<16, 0, 1024, 1<<16))), "soun")
	f.Add(visualBox("hev1", isoBox("hvcC", []byte{1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0})), []byte{}, "vide")
	f.Add(visualBox("av01", isoBox("av1C", []byte{0x81, 4, 0x0c, 0})), []byte{}, "vide")
	f.Add(visualBox("vp09", isoBox("vpcC", u32(1<<24), []byte{0, 10, 0x82, 2, 2, 2, 0, 0})), []byte{}, "vide")
	f.Add(audioBox("ec-3", isoBox("dec3", []byte{6, 0, 0x20, 0x0f, 0})), []byte{}, "soun")
	f.Add(audioBox("Opus", isoBox("dOps", []byte{0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0})), []byte{}, "soun")
	f.Add(isoBox("stpp", make([]byte, 8), []byte("http://www.w3.org/ns/ttml\x00\x00\x00")), []byte{}, "subt")
	_, segment := smallMP4()
	fragments := probeFragments(f, segment)
	f.Fuzz(func(t *testing.T, entry, edits []byte, handler string) {
		track := testVideo
		track.entry, track.edits, track.handler = entry, edits, (handler + "    ")[:4]
		p, err := probeAny(isoInit(track, testAudio))
		if err != nil {
			return
		}
		holdsInit(t, p.Init)
		// What is left out of the ID must not hide what is not.
		track.trex = u32(513, 0, 0)
		if other, err := probeAny(isoInit(track, testAudio)); err != nil || other.Init.ID == p.Init.ID {
			t.Fatalf("other defaults: %v", err)
		}
		if info, err := fragments.Resolve(p.Init); err == nil {
			holds(t, info)
		}
	})
}

// FuzzFragments feeds moof boxes whose mdat is there.
func FuzzFragments(f *testing.F) {
	f.Add(u32(0x020000, 1), u32(1<<24, 0, 25600), u32(0x01000a05, 2, 0, 0x02000000, 40, 1024, 40, 1024))
	f.Add(u32(0x02003a, 2, 1, 1024, 100, 0), u32(0, 96000), u32(1, 3, 80))
	init, _ := smallMP4()
	sound := probeInit(f, init)
	f.Fuzz(func(t *testing.T, tfhd, tfdt, trun []byte) {
		traf := isoBox("traf", isoBox("tfhd", tfhd), isoBox("tfdt", tfdt), isoBox("trun", trun))
		p, err := probeAny(join(isoBox("moof", traf, traf), isoBox("mdat", testSamples()), isoBox("moof", traf), isoBox("mdat", testSamples())))
		if err != nil {
			return
		}
		info, err := p.Fragments.Resolve(sound)
		if err != nil {
			return
		}
		holds(t, info)
		again, err := p.Fragments.Resolve(sound)
		if err != nil || !reflect.DeepEqual(info, again) {
			t.Fatalf("%+v, then %+v, %v", info, again, err)
		}
	})
}

// FuzzText feeds WebVTT and ID3 tags behind a correct beginning.
func FuzzText(f *testing.F) {
	f.Add([]byte("X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n00:01.000 --> 00:02.000\n\xc3\xa9"), uint16(3))
	f.Add(id3Frame("PRIV", join([]byte(timestampOwner), u64(7))), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		for _, object := range [][]byte{join([]byte("WEBVTT\n"), b), join(id3(byte(3+piece%2), b), adts(3, 50))} {
			probed, err := probeAny(object)
			p := NewProber()
			for rest := object; len(rest) > 0; {
				n := min(int(piece)+1, len(rest))
				p.Write(rest[:n])
				rest = rest[n:]
			}
			again, errAgain := p.Finish()
			if !reflect.DeepEqual(probed, again) || !reflect.DeepEqual(err, errAgain) {
				t.Fatalf("in one: %+v, %v\nin pieces of %d: %+v, %v", probed, err, int(piece)+1, again, errAgain)
			}
			if err == nil {
				whatHolds(t, probed)
			}
		}
	})
}
