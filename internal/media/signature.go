package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// Signature stands for the track layout and the codec configuration of an object. Two
// objects with equal signatures can follow one another without a discontinuity, as far as
// these go; timestamps are another matter. Data tracks such as SCTE-35 do not count, and
// neither does which PID carries the clock: it is not a track, and every segment states it
// anew (RFC 8216, 4.3.2.3). A track of a transport stream that is announced but has no
// sample has no configuration, and so makes a different signature. Of fragmented MP4 the
// signature includes the ID of the init section, and so its data tracks and edit lists.
type Signature [sha256.Size]byte

// Signature of the object.
func (i *Info) Signature() Signature {
	b := make([]byte, 0, 512)
	b = append(b, i.Format...)
	b = binary.BigEndian.AppendUint16(b, i.ProgramNumber)
	b = binary.BigEndian.AppendUint16(b, i.PMTPID)
	b = append(b, i.InitID[:]...)
	for k := range i.Tracks {
		t := &i.Tracks[k]
		if t.Kind == Data {
			continue
		}
		b = binary.BigEndian.AppendUint32(b, t.ID)
		b = append(b, t.StreamType)
		b = append(append(b, t.Kind...), 0)
		b = append(append(b, t.Codec...), 0)
		for _, v := range [...]int{t.Width, t.Height, t.SampleRate, t.Channels, len(t.Config)} {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, t.Config...)
	}
	return sha256.Sum256(b)
}

// Complete reports whether the object configures a decoder for all of its tracks
// by itself. A transport stream need not: parameter sets come with key frames only,
// and audio may pause.
func (i *Info) Complete() bool {
	if i.Format != FormatTS {
		return true
	}
	for _, t := range i.played() {
		if t.Kind != Subtitle && t.Codec == "" {
			return false
		}
	}
	return true
}

// InheritConfig takes the codec configuration of tracks of a transport stream that have
// none, or only part of it, from the previous segment of the same encoder and run, if the
// tracks are the same. Without that, an encoder that sends parameter sets only now and
// then, or pauses its audio, seems to change its configuration. It must not be used across
// encoders: what a segment does not state is not equal to anything.
func (i *Info) InheritConfig(before *Info) {
	mine, theirs := i.played(), before.played()
	if i.Format != FormatTS || before.Format != FormatTS || len(mine) != len(theirs) {
		return
	}
	for k, t := range mine {
		if t.ID != theirs[k].ID || t.Kind != theirs[k].Kind || t.StreamType != theirs[k].StreamType {
			return
		}
	}
	for k, t := range mine {
		if b := theirs[k]; t.Codec == "" && bytes.Contains(b.Config, t.Config) {
			t.Codec, t.Config = b.Codec, b.Config
			t.Width, t.Height = b.Width, b.Height
			t.SampleRate, t.Channels = b.SampleRate, b.Channels
		}
	}
}

// played returns the tracks that count for a signature.
func (i *Info) played() []*Track {
	tracks := make([]*Track, 0, len(i.Tracks))
	for k := range i.Tracks {
		if i.Tracks[k].Kind != Data {
			tracks = append(tracks, &i.Tracks[k])
		}
	}
	return tracks
}
