package media

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Digest is a SHA-256 sum. As text it is hexadecimal.
type Digest [32]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(d) {
		return fmt.Errorf("digest of %d characters, not %d", len(b), 2*len(d))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// Init is an init section (RFC 8216, 3.3): what the segments of fragmented MP4
// leave out because it never changes. It marshals to JSON and back.
type Init struct {
	// ID is equal for two init sections exactly if a player can use one in place of the
	// other. It is the hash of the moov box without what no decoder and no clock depends
	// on: creation and modification times, durations, next_track_ID, free space, user data,
	// handler and compressor names, and bitrates (ffmpeg writes those of the first frames).
	// ftyp is left out too: brands only promise what the other boxes show. Edit lists
	// count, as they move the media in players.
	ID Digest
	// Hash is the hash of the exact bytes of Range.
	Hash Digest
	// Range is where the init section lies in its object: all of it, or the
	// front of a segment that initialises itself.
	Range Range
	// Size of the object in bytes.
	Size int64
	// Timescale is the number of ticks in a second of the movie's clock, in
	// which edit lists measure (ISO/IEC 14496-12, 8.2.2).
	Timescale uint32
	Tracks    []InitTrack
}

// InitTrack is a track of an init section (ISO/IEC 14496-12, 8.3).
type InitTrack struct {
	ID   uint32
	Kind Kind
	// Codec and Config are as in [Track].
	Codec  string
	Config []byte
	// Width and Height of the video in pixels.
	Width, Height int
	// SampleRate in Hz and Channels of the audio, as in [Track].
	SampleRate, Channels int
	// Timescale is the number of ticks in a second of the track's clock
	// (ISO/IEC 14496-12, 8.4.2).
	Timescale uint32
	// Edits is the edit list.
	Edits []Edit
	// DefaultDuration, DefaultSize and DefaultFlags of samples (trex; ISO/IEC
	// 14496-12, 8.8.3).
	DefaultDuration, DefaultSize, DefaultFlags uint32
}

// Edit is an entry of an edit list (ISO/IEC 14496-12, 8.6.6).
type Edit struct {
	// Duration in ticks of the movie's clock; 0 is all there is.
	Duration uint64
	// MediaTime is the composition time at which the edit starts, in ticks of
	// the track's clock, or -1 for an edit that shows nothing.
	MediaTime int64
}

// readInit reads the payload of a moov box.
func readInit(b []byte, at int64) (*Init, *Fault) {
	init := &Init{ID: canonicalID(b)}
	var extends []*mp4.TrexBox
	in := boxes{b: b}
	for raw, body := range in.all() {
		switch string(raw[4:8]) {
		case "mvhd":
			mvhd, err := decodeBox[*mp4.MvhdBox](raw)
			if err != nil {
				return nil, faultf(ReasonDamaged, "moov at byte %d: %v", at, err)
			}
			init.Timescale = mvhd.Timescale
		case "trak":
			if len(init.Tracks) == maxTracks {
				return nil, faultf(ReasonUnsupported, "more than %d tracks", maxTracks)
			}
			t, fault := readInitTrack(body)
			if fault != nil {
				return nil, fault
			}
			if init.track(t.ID) != nil {
				return nil, faultf(ReasonDamaged, "two tracks with ID %d", t.ID)
			}
			init.Tracks = append(init.Tracks, t)
		case "mvex":
			var fault *Fault
			if extends, fault = readExtends(body); fault != nil {
				return nil, fault
			}
		}
	}
	switch {
	case in.bad:
		return nil, faultf(ReasonDamaged, "boxes do not fill the moov at byte %d", at)
	case len(init.Tracks) == 0:
		return nil, faultf(ReasonNoMedia, "no track in the moov at byte %d", at)
	case init.Timescale == 0:
		return nil, faultf(ReasonDamaged, "no timescale in the moov at byte %d", at)
	}
	for i := range init.Tracks {
		t := &init.Tracks[i]
		found := false
		for _, trex := range extends {
			if trex.TrackID == t.ID {
				t.DefaultDuration, t.DefaultSize, t.DefaultFlags = trex.DefaultSampleDuration, trex.DefaultSampleSize, trex.DefaultSampleFlags
				found = true
			}
		}
		if !found {
			return nil, faultf(ReasonUnsupported, "track %d has no trex: not fragmented", t.ID)
		}
	}
	return init, nil
}

func readExtends(b []byte) ([]*mp4.TrexBox, *Fault) {
	var extends []*mp4.TrexBox
	in := boxes{b: b}
	for raw := range in.all() {
		if string(raw[4:8]) != "trex" {
			continue
		}
		trex, err := decodeBox[*mp4.TrexBox](raw)
		if err != nil {
			return nil, faultf(ReasonDamaged, "%v", err)
		}
		if extends = append(extends, trex); len(extends) > maxTracks {
			return nil, faultf(ReasonUnsupported, "more than %d trex boxes", maxTracks)
		}
	}
	if in.bad {
		return nil, faultf(ReasonDamaged, "boxes do not fill the mvex")
	}
	return extends, nil
}

// readInitTrack reads the payload of a trak box. The boxes in it are on several levels, but
// each type on only one.
func readInitTrack(b []byte) (InitTrack, *Fault) {
	const maxDepth = 4 // trak, mdia, minf, stbl
	var t InitTrack
	var samples []byte // stsd
	var handler string
	var walk func(b []byte, depth int) error
	walk = func(b []byte, depth int) error {
		in := boxes{b: b}
		for raw, body := range in.all() {
			var err error
			switch string(raw[4:8]) {
			case "mdia", "minf", "stbl", "edts":
				if depth < maxDepth {
					err = walk(body, depth+1)
				}
			case "tkhd":
				var tkhd *mp4.TkhdBox
				if tkhd, err = decodeBox[*mp4.TkhdBox](raw); err == nil {
					t.ID = tkhd.TrackID
				}
			case "mdhd":
				var mdhd *mp4.MdhdBox
				if mdhd, err = decodeBox[*mp4.MdhdBox](raw); err == nil {
					t.Timescale = mdhd.Timescale
				}
			case "hdlr":
				if len(body) >= 12 && handler == "" {
					handler = string(body[8:12])
				}
			case "elst":
				err = t.readEdits(raw)
			case "stsd":
				samples = raw
			}
			if err != nil {
				return err
			}
		}
		if in.bad {
			return fmt.Errorf("boxes do not fill their container")
		}
		return nil
	}
	if err := walk(b, 1); err != nil {
		return t, faultf(ReasonDamaged, "track %d: %v", t.ID, err)
	}
	switch {
	case t.ID == 0:
		return t, faultf(ReasonDamaged, "track without an ID (tkhd)")
	case t.Timescale == 0:
		return t, faultf(ReasonDamaged, "track %d has no timescale (mdhd)", t.ID)
	case handler == "":
		return t, faultf(ReasonDamaged, "track %d has no handler (hdlr)", t.ID)
	case samples == nil:
		return t, faultf(ReasonDamaged, "track %d has no sample description (stsd)", t.ID)
	}
	t.Kind = kindOfHandler(handler)
	return t, t.readSampleDescriptions(samples)
}

// kindOfHandler tells what a track is for (ISO/IEC 14496-12, 12).
func kindOfHandler(handler string) Kind {
	switch handler {
	case "vide":
		return Video
	case "soun":
		return Audio
	case "subt", "text", "sbtl", "clcp":
		return Subtitle
	}
	return Data
}

func (t *InitTrack) readEdits(raw []byte) error {
	const maxEdits, maxTime = 64, 1 << 56
	elst, err := decodeBox[*mp4.ElstBox](raw)
	if err != nil {
		return err
	}
	if len(elst.Entries) > maxEdits {
		return fmt.Errorf("edit list of %d entries", len(elst.Entries))
	}
	for _, e := range elst.Entries {
		if e.SegmentDuration > maxTime || e.MediaTime > maxTime || e.MediaTime < -1 {
			return fmt.Errorf("edit of %d ticks from %d", e.SegmentDuration, e.MediaTime)
		}
		t.Edits = append(t.Edits, Edit{Duration: e.SegmentDuration, MediaTime: e.MediaTime})
	}
	return nil
}

// shift is what the edit list adds to composition times to make presentation
// times, in ticks of the track's clock: the edits that show nothing move the
// media back, the first other one says where it starts. More than one other
// edit is not expected in a stream without an end.
func (t *InitTrack) shift(movieTimescale uint32) int64 {
	empty := int64(0)
	for _, e := range t.Edits {
		if e.MediaTime >= 0 {
			return empty - e.MediaTime
		}
		v, ok := rescale(int64(e.Duration), t.Timescale, movieTimescale)
		if !ok {
			return 0
		}
		empty += v
	}
	return empty
}

// readSampleDescriptions reads an stsd box (ISO/IEC 14496-12, 8.5.2).
func (t *InitTrack) readSampleDescriptions(raw []byte) *Fault {
	if len(raw) > maxSampleDescriptions {
		return faultf(ReasonUnsupported, "track %d: sample descriptions of %d bytes", t.ID, len(raw))
	}
	if len(raw) < boxHeader+8 {
		return faultf(ReasonDamaged, "track %d: sample descriptions of %d bytes", t.ID, len(raw))
	}
	in := boxes{b: raw[boxHeader+8:]}
	entries := 0
	for entry := range in.all() {
		// Sample entries of encrypted tracks (ISO/IEC 14496-12, 8.12) hold a
		// sinf box, and are called enc and a letter.
		if bytes.HasPrefix(entry[4:8], []byte("enc")) || hasScheme(entry) {
			return faultf(ReasonEncrypted, "track %d: sample entry %s", t.ID, boxName(entry[4:8]))
		}
		entries++
	}
	if in.bad || entries == 0 {
		return faultf(ReasonDamaged, "track %d: no sample entry", t.ID)
	}
	t.Config = canonicalSampleDescriptions(nil, raw)
	stsd, err := decodeBox[*mp4.StsdBox](raw)
	if err != nil {
		return faultf(ReasonDamaged, "track %d: %v", t.ID, err)
	}
	t.describe(stsd.Children[0])
	return nil
}

// hasScheme reports whether a sample entry has a protection scheme.
func hasScheme(entry []byte) bool {
	for _, fixed := range []int{visualEntry, audioEntry} {
		in := boxes{b: entry[min(boxHeader+fixed, len(entry)):]}
		for raw := range in.all() {
			if string(raw[4:8]) == "sinf" {
				return true
			}
		}
	}
	return false
}

func (i *Init) track(id uint32) *InitTrack {
	for k := range i.Tracks {
		if i.Tracks[k].ID == id {
			return &i.Tracks[k]
		}
	}
	return nil
}

// track is what an init section says about a track of a segment.
func (t *InitTrack) track() Track {
	return Track{
		ID: t.ID, Kind: t.Kind, Codec: t.Codec, Config: t.Config,
		Width: t.Width, Height: t.Height, SampleRate: t.SampleRate, Channels: t.Channels,
		Timescale: t.Timescale,
	}
}
