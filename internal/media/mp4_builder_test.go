package media

import (
	"encoding/binary"
	"testing"
)

func u32(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// isoBox makes a box.
func isoBox(name string, parts ...[]byte) []byte {
	body := join(parts...)
	return join(u32(uint32(boxHeader+len(body))), []byte(name), body)
}

// isoTrack is a track of a small init section.
type isoTrack struct {
	id, timescale uint32
	handler       string
	entry         []byte
	edits         []byte
	trex          []byte // duration, size, flags
}

// isoInit makes an init section. Its movie clock has 1000 ticks a second.
func isoInit(tracks ...isoTrack) []byte {
	var boxes, extends []byte
	for _, t := range tracks {
		trex := t.trex
		if trex == nil {
			trex = u32(0, 0, 0)
		}
		boxes = join(boxes, isoBox("trak",
			isoBox("tkhd", u32(7, 1, 2, t.id, 0, 0), make([]byte, 60)),
			t.edits,
			isoBox("mdia",
				isoBox("mdhd", u32(0, 1, 2, t.timescale, 0, 0x55c40000)),
				isoBox("hdlr", u32(0, 0), []byte(t.handler), make([]byte, 12), []byte("name\x00")),
				isoBox("minf", isoBox("stbl",
					isoBox("stsd", u32(0, 1), t.entry),
					isoBox("stts", u32(0, 0)), isoBox("stsc", u32(0, 0)), isoBox("stsz", u32(0, 0, 0)), isoBox("stco", u32(0, 0)),
				)),
			),
		))
		extends = join(extends, isoBox("trex", u32(0, t.id, 1), trex))
	}
	return join(
		isoBox("ftyp", []byte("cmfc"), u32(0)),
		isoBox("moov", isoBox("mvhd", u32(0, 1, 2, 1000, 0), make([]byte, 80)), boxes, isoBox("mvex", extends)),
	)
}

var (
	testAvcC  = isoBox("avcC", []byte{1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 13}, testSPS[4:], []byte{1, 0, 4}, testPPS[4:])
	testAVC   = visualBox("avc1", testAvcC)
	testEsds  = isoBox("esds", u32(0), []byte{3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 5, 2, 0x11, 0x90, 6, 1, 2})
	testAAC   = audioBox("mp4a", testEsds)
	testVideo = isoTrack{id: 1, timescale: 12800, handler: "vide", entry: testAVC, trex: u32(512, 0, sampleIsNonSync|sampleDependsOnOther)}
	testAudio = isoTrack{id: 2, timescale: 48000, handler: "soun", entry: testAAC, trex: u32(1024, 100, 0)}
)

func visualBox(name string, config ...[]byte) []byte {
	fixed := make([]byte, visualEntry)
	fixed[7] = 1
	copy(fixed[24:], []byte{1, 64, 0, 180})
	copy(fixed[42:], "\x04x264")
	return isoBox(name, fixed, join(config...))
}

func audioBox(name string, config ...[]byte) []byte {
	fixed := make([]byte, audioEntry)
	fixed[7], fixed[17], fixed[19] = 1, 2, 16
	copy(fixed[24:], []byte{0xbb, 0x80})
	return isoBox(name, fixed, join(config...))
}

// smallFragment is a moof with two pictures of 40 bytes and three audio frames
// of 100, and their mdat. Sizes and durations of audio are only in trex.
func smallFragment(video, audio uint64) []byte {
	make := func(offset uint32) []byte {
		return isoBox("moof", isoBox("mfhd", u32(0, 1)),
			isoBox("traf",
				isoBox("tfhd", u32(0x020000, 1)),
				isoBox("tfdt", u32(1<<24), u64(video)),
				// data offset, first sample flags, size and composition offset
				isoBox("trun", u32(0x01000a05, 2, offset, 0x02000000, 40, 1024, 40, 1024))),
			isoBox("traf",
				isoBox("tfhd", u32(0x020000, 2)),
				isoBox("tfdt", u32(0, uint32(audio))),
				isoBox("trun", u32(1, 3, offset+80))))
	}
	moof := make(0)
	return join(make(uint32(len(moof)+boxHeader)), isoBox("mdat", testSamples()))
}

func testSamples() []byte {
	b := make([]byte, 380)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func smallMP4() (init, segment []byte) {
	return isoInit(testVideo, testAudio), join(isoBox("styp", []byte("msdh"), u32(0)), isoBox("sidx", make([]byte, 44)), smallFragment(25600, 96000))
}

func TestSmallFragmentIsSound(t *testing.T) {
	init, segment := smallMP4()
	info := resolve(t, init, segment)
	v, a := info.Tracks[0], info.Tracks[1]
	if info.Start != 187200 || info.End != 194400 || !info.KeyFrameFirst || info.FrameDuration != 3600 {
		t.Errorf("%+v", info)
	}
	if v.Codec != "avc1.42c00d" || v.Samples != 2 || v.FirstDTS != 180000 || v.Width != 320 || v.FrameRate != 25 {
		t.Errorf("%+v", v)
	}
	if a.Codec != "mp4a.40.2" || a.Samples != 3 || a.FirstPTS != 180000 || a.End != 180000+3*1920 || a.SampleRate != 48000 || a.Channels != 2 {
		t.Errorf("%+v", a)
	}
}
