package media

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func TestBrokenMP4IsRefused(t *testing.T) {
	init, segment := smallMP4()
	fragment := smallFragment(25600, 96000)
	moof := fragment[:binary.BigEndian.Uint32(fragment)]
	mdat := fragment[len(moof):]
	traf := func(parts ...[]byte) []byte {
		return join(isoBox("moof", isoBox("mfhd", u32(0, 1)), isoBox("traf", parts...)), mdat)
	}
	head, time := isoBox("tfhd", u32(0x020000, 1)), isoBox("tfdt", u32(0, 0))
	changed := func(b []byte, name string, at int, value byte) []byte {
		b = bytes.Clone(b)
		b[bytes.Index(b, []byte(name))+at] = value
		return b
	}
	encrypted := testVideo
	encrypted.entry = visualBox("encv", testAvcC, isoBox("sinf", isoBox("frma", []byte("avc1"))))
	hidden := testAudio
	hidden.entry = audioBox("mp4a", testEsds, isoBox("sinf", isoBox("frma", []byte("mp4a"))))
	noScale, noEntry, noID := testVideo, testVideo, testVideo
	noScale.timescale, noEntry.entry, noID.id = 0, nil, 0
	many := make([]isoTrack, maxTracks+1)
	for i := range many {
		many[i] = testVideo
		many[i].id = uint32(i + 1)
	}
	for name, c := range map[string]struct {
		b      []byte
		reason Reason
		detail string
	}{
		"mdat cut":             {segment[:len(segment)-1], ReasonTruncated, "inside the box mdat at byte 236: 1 of 388 bytes missing"},
		"moof cut":             {segment[:100], ReasonTruncated, "inside the box moof at byte 68"},
		"mdat missing":         {segment[:236], ReasonTruncated, "moof at byte 68 without mdat"},
		"header cut":           {segment[:239], ReasonTruncated, "inside a box header"},
		"two moofs":            {join(moof, fragment), ReasonDamaged, "moof at byte 0 without mdat"},
		"moof missing":         {join(segment[:68], mdat), ReasonDamaged, "mdat at byte 68 without moof"},
		"garbage after":        {join(segment, []byte("\x00\x00\x00\x10\x01\x02\x03\x04garbage!")), ReasonDamaged, "no box at byte 624: type 0x01020304"},
		"zeros after":          {join(segment, make([]byte, 64)), ReasonDamaged, "no box at byte 624"},
		"size too small":       {join(segment, u32(7), []byte("free")), ReasonDamaged, "box free at byte 624 of 7 bytes"},
		"size huge":            {join(segment, u32(1), []byte("free"), u64(1<<62)), ReasonDamaged, "box free at byte 624"},
		"no size":              {join(segment, u32(0), []byte("mdat")), ReasonUnsupported, "extends to the end"},
		"moof too large":       {join(u32(maxMoof+1), []byte("moof")), ReasonUnsupported, "box moof at byte 0"},
		"moov too large":       {join(u32(maxMoov+1), []byte("moov")), ReasonUnsupported, "box moov at byte 0"},
		"styp only":            {isoBox("styp", []byte("msdh")), ReasonTruncated, "no moof"},
		"free only":            {isoBox("free", make([]byte, 20)), ReasonNoMedia, "no moov and no moof"},
		"two moovs":            {join(init, init), ReasonLayoutChanged, "second moov"},
		"moov after media":     {join(fragment, init), ReasonDamaged, "after media"},
		"not fragmented":       {join(init, mdat), ReasonUnsupported, "without moof"},
		"no traf":              {join(isoBox("moof", isoBox("mfhd", u32(0, 1))), mdat), ReasonDamaged, "no track in the moof"},
		"no tfhd":              {traf(time), ReasonDamaged, "traf without tfhd"},
		"two tfhd":             {traf(head, head), ReasonDamaged, "second tfhd"},
		"trun too short":       {traf(head, isoBox("trun", u32(0))), ReasonDamaged, "trun of 12 bytes"},
		"trun of a wrong size": {traf(head, isoBox("trun", u32(0x200, 3, 1))), ReasonDamaged, "trun"},
		"samples for nothing":  {traf(head, isoBox("trun", u32(0, 1<<31))), ReasonUnsupported, "more than 65536 samples"},
		"runs without end":     {traf(head, bytes.Repeat(isoBox("trun", u32(0, 1000)), 70)), ReasonUnsupported, "more than"},
		"boxes overlap":        {changed(segment, "traf", -1, 0xff), ReasonDamaged, "boxes do not fill the moof"},
		"senc":                 {traf(head, isoBox("senc", u32(0, 0))), ReasonEncrypted, "box senc"},
		"PIFF":                 {traf(head, isoBox("uuid", []byte(piffEncryption))), ReasonEncrypted, "box uuid"},
		"seig":                 {traf(head, isoBox("sgpd", u32(0), []byte("seig"))), ReasonEncrypted, "box sgpd"},
		"encv":                 {isoInit(encrypted), ReasonEncrypted, "track 1: sample entry encv"},
		"sinf":                 {isoInit(hidden), ReasonEncrypted, "track 2: sample entry mp4a"},
		"no timescale":         {isoInit(noScale), ReasonDamaged, "track 1 has no timescale"},
		"no sample entry":      {isoInit(noEntry), ReasonDamaged, "track 1: no sample entry"},
		"no ID":                {isoInit(noID), ReasonDamaged, "without an ID"},
		"equal IDs":            {isoInit(testVideo, testVideo), ReasonDamaged, "two tracks with ID 1"},
		"no tracks":            {isoInit(), ReasonNoMedia, "no track"},
		"too many tracks":      {isoInit(many...), ReasonUnsupported, "more than 64 tracks"},
		"no trex":              {changed(init, "trex", 11, 9), ReasonUnsupported, "track 1 has no trex"},
		"no movie timescale":   {bytes.Replace(init, u32(1000), u32(0), 1), ReasonDamaged, "no timescale in the moov"},
		"no handler":           {bytes.Replace(init, []byte("hdlr"), []byte("hdlx"), 1), ReasonDamaged, "track 1 has no handler"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.b, c.reason, c.detail) })
	}
}

func TestSegmentsThatDoNotFitTheirInitAreRefused(t *testing.T) {
	init, segment := smallMP4()
	moved := bytes.Clone(segment)
	moved[bytes.LastIndex(moved, []byte("trun"))+15]++ // data offset of the audio
	noTime := bytes.Replace(segment, []byte("tfdt"), []byte("free"), 1)
	late := bytes.Replace(segment, u64(25600), u64(1<<63), 1)
	absolute := bytes.Replace(segment, u32(0x020000, 1), u32(1, 1), 1)
	slow := testVideo
	slow.timescale = 1
	for name, c := range map[string]struct {
		init    []byte
		segment []byte
		reason  Reason
		detail  string
	}{
		"audio is not in the init section": {isoInit(testVideo), segment, ReasonNoInit, "track 2 is not in the init section"},
		"samples outside of mdat":          {init, moved, ReasonDamaged, "samples of track 2, byte 325 to 625, are not in its mdat"},
		"no tfdt":                          {init, noTime, ReasonNoTimestamps, "track 1 has no tfdt"},
		"tfdt out of bounds":               {init, late, ReasonDamaged, "track 1 at 9223372036854775808 ticks"},
		"too late for 90 kHz":              {isoInit(slow, testAudio), bytes.Replace(segment, u64(25600), u64(1<<59), 1), ReasonDamaged, "of a clock of 1 Hz"},
		"absolute offset":                  {init, absolute, ReasonDamaged, "tfhd"},
		"announced video is missing":       {isoInit(testVideo, isoTrack{id: 3, timescale: 1, handler: "meta", entry: isoBox("urim", make([]byte, 8))}), bytes.Replace(segment, u32(0x020000, 1), u32(0x020000, 3), 1), ReasonNoInit, "track 2"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := probeAny(c.segment)
			var info *Info
			if err == nil {
				info, err = p.Fragments.Resolve(probeInit(t, c.init))
			}
			refusedWith(t, info, err, c.reason, c.detail)
		})
	}
	info, err := probeFragments(t, segment).Resolve(nil)
	refusedWith(t, info, err, ReasonNoInit, "no init section")
}

// What is odd but harmless is no fault.
func TestOddMP4IsAccepted(t *testing.T) {
	init, segment := smallMP4()
	want := resolve(t, init, segment)
	same := func(t *testing.T, init, segment []byte) *Info {
		t.Helper()
		info := resolve(t, init, segment)
		if info.Start != want.Start || info.End != want.End || info.Tracks[1].End != want.Tracks[1].End || info.Signature() != want.Signature() {
			t.Errorf("%+v\nwant %+v", info, want)
		}
		return info
	}
	fragment := smallFragment(25600, 96000)
	moof := fragment[:binary.BigEndian.Uint32(fragment)]
	t.Run("64-bit sizes", func(t *testing.T) {
		// The header is 8 bytes longer, and the samples lie 8 bytes further.
		b := bytes.Clone(moof)
		at := bytes.Index(b, []byte("trun"))
		b[at+15] += 8
		at += bytes.Index(b[at+4:], []byte("trun")) + 4
		b[at+15] += 8
		mdat := join(u32(1), []byte("mdat"), u64(16+380), testSamples())
		same(t, init, join(b, mdat, u32(1), []byte("free"), u64(16)))
	})
	t.Run("other boxes", func(t *testing.T) {
		same(t, init, join(isoBox("prft", make([]byte, 20)), isoBox("emsg", make([]byte, 30)), fragment, isoBox("free"), isoBox("mfra", isoBox("mfro", u32(0, 16)))))
	})
	t.Run("ftyp instead of styp", func(t *testing.T) {
		info := same(t, init, join(init[:16], fragment))
		if len(info.JoinRanges(0, 2)) != 1 || info.JoinRanges(1, 2)[0].Start != 16 {
			t.Errorf("%v", info.Trims)
		}
	})
	t.Run("times, names and bitrates of the init section", func(t *testing.T) {
		b := bytes.ReplaceAll(init, []byte("x264"), []byte("nvnc"))
		b = bytes.ReplaceAll(b, []byte("name\x00"), []byte("soun\x00"))
		b = bytes.ReplaceAll(b, []byte{0x15, 0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6}, []byte{0x15, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9})
		b = bytes.ReplaceAll(b, u32(1, 2, 12800), u32(8, 9, 12800))
		b = bytes.ReplaceAll(b, u32(1, 2, 1000), u32(8, 9, 1000))
		if bytes.Equal(b, init) {
			t.Fatal("nothing changed")
		}
		same(t, join(b, isoBox("free", make([]byte, 9))), segment)
	})
	t.Run("frames of unknown duration", func(t *testing.T) {
		open := testVideo
		open.trex = u32(0, 0, 0)
		info := resolve(t, isoInit(open, testAudio), join(segment, smallFragment(25600+512, 96000+3072)))
		if info.End-info.Start != 3*3600-3600 || info.FrameDuration != 3600 {
			t.Errorf("%+v", info)
		}
	})
	t.Run("subtitles only", func(t *testing.T) {
		text := isoTrack{id: 1, timescale: 1000, handler: "text", entry: isoBox("wvtt", make([]byte, 6), []byte{0, 1}, isoBox("vttC", []byte("WEBVTT"))), trex: u32(2000, 40, 0)}
		b := isoBox("moof", isoBox("traf", isoBox("tfhd", u32(0x020000, 1)), isoBox("tfdt", u32(0, 4000)), isoBox("trun", u32(1, 2, 84))))
		info := resolve(t, isoInit(text), join(b, isoBox("mdat", testSamples())))
		if info.Start != 4000*90 || info.End != 8000*90 || info.Tracks[0].Codec != "wvtt" || info.Tracks[0].Kind != Subtitle || info.Untimed {
			t.Errorf("%+v", info)
		}
	})
	t.Run("edit list before zero", func(t *testing.T) {
		primed := testAudio
		primed.edits = isoBox("edts", isoBox("elst", u32(0, 1, 0, 1024, 1<<16)))
		info := resolve(t, isoInit(testVideo, primed), smallFragment(0, 0))
		if a := info.Tracks[1]; a.FirstPTS != -1920 || a.End != 2*1920 {
			t.Errorf("%+v", a)
		}
	})
}

// Wherever an object of fragmented MP4 is cut, it is refused.
func TestTruncatedMP4IsRefused(t *testing.T) {
	init, segment := smallMP4()
	for _, r := range [][]byte{init, segment, join(init, segment)} {
		for cut := range r {
			p, err := probeAny(r[:cut])
			if err == nil && (cut != len(init) || p.Fragments != nil) {
				t.Errorf("cut at %d of %d is accepted: %+v", cut, len(r), p)
			}
		}
	}
	for _, name := range []string{"muxed", "cmaf"} {
		b := renditions(t, name)[0].segments[0]
		for cut := 0; cut < len(b); cut += 1 + len(b)/2000 {
			if _, err := probeAny(b[:cut]); err == nil {
				t.Errorf("%s cut at %d is accepted", name, cut)
			}
		}
	}
}

// Nothing that comes makes reading of fragmented MP4 panic.
func TestDamagedMP4NeverPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	init, segment := smallMP4()
	seeds := [][]byte{init, segment, join(init, segment)}
	if !testing.Short() {
		for _, name := range []string{"muxed", "hevc", "av1", "negative"} {
			r := renditions(t, name)[0]
			seeds = append(seeds, r.init, r.segments[0][:min(len(r.segments[0]), 4000)])
		}
	}
	sound := probeInit(t, init)
	for _, seed := range seeds {
		for range 4000 {
			b := bytes.Clone(seed)
			for range 1 + rng.IntN(4) {
				switch rng.IntN(3) {
				case 0:
					b[rng.IntN(len(b))] = byte(rng.Uint32())
				case 1: // sizes and counts
					b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
				case 2:
					i, n := rng.IntN(len(b)), rng.IntN(40)
					copy(b[i:min(i+n, len(b))], seed[rng.IntN(len(seed)):])
				}
			}
			p, err := probeAny(b)
			if err != nil {
				continue
			}
			whatHolds(t, p)
			if p.Fragments != nil {
				if info, err := p.Fragments.Resolve(sound); err == nil {
					holds(t, info)
				}
			}
		}
	}
}
