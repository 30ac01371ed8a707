// Package media looks into media segments and joins them.
//
// A [Prober] sees the bytes of an object as they pass on their way into a store, and says
// at the end what the object holds: which tracks, from when to when on the media's own
// clock, with which codec configuration, and whether it is complete. [PlanCounters] and
// [Rewriter] let segments of two encoders follow one another in one stream with continuous
// MPEG-TS continuity counters; [Info.JoinRanges] says which bytes of a part have to be left
// out.
//
// An object is a transport stream, packed audio, WebVTT, or fragmented MP4. The
// last comes in two parts that arrive in any order: an [Init] and segments,
// whose [Fragments] become an [Info] with the init section in force.
//
// Nothing here decodes media. What is read is what a player's demultiplexer
// reads: packet headers, tables, PES headers, and the parameter sets and frame
// headers that configure a decoder.
package media

import (
	"math"
	"math/bits"
)

// ClockRate is the number of ticks in a second. All times of this package are
// ticks of the 90 kHz system clock (ISO/IEC 13818-1, 2.4.3.7), which is also
// the clock of X-TIMESTAMP-MAP in WebVTT and of the ID3 timestamp of packed
// audio (RFC 8216, 3.4 and 3.5).
const ClockRate = 90000

// timestampModulus is where PTS, DTS and the PCR base start again at zero:
// they have 33 bits (ISO/IEC 13818-1, 2.4.3.7).
const timestampModulus = int64(1) << 33

// Format is the container of an object.
type Format string

// The formats of RFC 8216, 3.
const (
	// FormatTS is an MPEG-2 transport stream of 188-byte packets (ISO/IEC 13818-1).
	FormatTS Format = "mpegts"
	// FormatMP4 is fragmented MP4 or CMAF (ISO/IEC 14496-12, 23000-19).
	FormatMP4 Format = "fmp4"
	// FormatPackedAudio is audio frames, one after the other.
	FormatPackedAudio Format = "packed_audio"
	// FormatWebVTT is WebVTT (W3C) with an X-TIMESTAMP-MAP header.
	FormatWebVTT Format = "webvtt"
)

// Kind says what a track is for.
type Kind string

// The kinds of track. Data is everything a viewer neither sees nor hears by
// itself, such as SCTE-35 cues and timed ID3 metadata.
const (
	Video    Kind = "video"
	Audio    Kind = "audio"
	Subtitle Kind = "subtitle"
	Data     Kind = "data"
)

// Info is what a media object holds.
//
// Times of fragmented MP4 are presentation times: the edit list is applied, with all its
// entries (ISO/IEC 14496-12, 8.6.6). Two muxers of one encoder write different composition
// times and edit lists for the same pictures, and only the sum of both says which picture
// is the same. It is also what ffmpeg shows. Players do not agree: underneath hls.js and
// Shaka, browsers apply edit lists (not all of them empty edits), while the players' own
// arithmetic takes the raw times. But either way the difference is a constant for as long
// as the init section is the same, and where that changes, the signature changes with it.
type Info struct {
	Format Format
	// Size of the object in bytes.
	Size int64

	// Start is the presentation time, in ticks, of the earliest picture or
	// sample of the reference track: the first video track, or else the first
	// audio track, or else, in fragmented MP4, the first subtitle track. Where
	// timestamps wrap it lies in [0, Modulus). Where they don't, it can be
	// below zero: the priming samples of audio before an edit list's start.
	Start int64
	// End is when the last picture or sample of the reference track ends, in ticks.
	// Timestamps are unwrapped inside the object, so it is greater than Start even across a
	// wrap. Only an object with a single picture of unknown duration (FrameDuration is 0)
	// has End == Start.
	End int64
	// Modulus is the value at which timestamps start again at zero, 1<<33 except for
	// fragmented MP4, where they do not wrap and it is 0.
	Modulus int64
	// Untimed says that the object has no position and duration of its own,
	// and Start and End are 0: they have to be taken from the playlist. That is
	// so for WebVTT, whose segments may have no cue at all, and whose cues say
	// nothing about where a segment starts or ends.
	Untimed bool
	// FrameDuration is the duration of one frame of the reference track in
	// ticks. Video: the smallest step between decoding timestamps or, in
	// fragmented MP4, the shortest sample; with a single picture of a transport
	// stream, what the sequence parameter set says. Audio: the samples of one
	// frame, rounded to ticks, or the longest sample. 0 means unknown.
	FrameDuration int64
	// KeyFrameFirst says that the video starts with a picture at which a
	// decoder can start: IDR, CRA or BLA, or an intra picture that is marked
	// as a random access point. Of fragmented MP4 it is what the flags of the
	// first sample say. It is true where there is no video.
	KeyFrameFirst bool

	// KeyFrames are the pictures of the reference track, if that is video, at
	// which a decoder can start and that can be fetched on their own; see
	// [KeyFrame]. In order, at most maxKeyFrames.
	KeyFrames []KeyFrame

	// Oddities say what is wrong with the object in a way that does no harm, at most
	// maxOddities of them.
	Oddities []string `json:",omitempty"`

	// Tracks of the program, in the order of its PMT, or of the init section.
	Tracks []Track

	// InitID is [Init.ID] of the init section that the segment was resolved
	// with; zero if the format has none.
	InitID Digest
	// Trims are the bytes that can't stay when the object is joined, in order;
	// see [Info.JoinRanges].
	Trims []Trim
	// Text is what is known about WebVTT, nil for everything else.
	Text *Text

	// Counters has one entry for each PID of a transport stream, except for null packets,
	// in order of appearance.
	Counters []Counter
	// CounterErrors is the number of places at which a continuity counter does not continue
	// as it has to and no discontinuity_indicator allows it. Lost packets show here, but
	// also encoders that reset their counters.
	CounterErrors int
	// ShortPES is the number of PES packets, other than the last of each
	// track, that are shorter than they declare: a sure sign of lost packets.
	ShortPES int
	// OpenPES is the number of tracks, other than the reference track, whose last PES
	// packet or audio frame goes on after the end of the object, and ContinuedPES the
	// number of tracks that start inside one. Some encoders cut a multiplex at the next
	// picture, wherever the audio is: then usually every segment but the first is
	// continued. OpenPES alone, in a segment that also lasts less than its EXTINF, is a
	// truncation at the end of a packet.
	OpenPES, ContinuedPES int
	// ErrorPackets is the number of packets of a transport stream that are marked
	// as damaged (transport_error_indicator). Nothing in them counts.
	ErrorPackets int `json:",omitempty"`
	// Unaccounted is the number of bytes of mdat boxes that belong to no sample,
	// or, below zero, how many bytes samples have in common.
	Unaccounted int64 `json:",omitempty"`
	// Tables are those that a transport stream without its own has inherited from its run: a
	// player that starts here needs them in front; see [Tables.Info].
	Tables Tables `json:",omitempty"`
	// EarlyPackets is the number of packets of the tracks that come before the
	// PMT. A player that starts here can't use them, and they don't count in
	// any time above.
	EarlyPackets int

	// ProgramNumber and PMTPID identify the program that was taken from a
	// transport stream: the first one with video, or else the first.
	ProgramNumber uint16
	PMTPID        uint16
}

// Track is one elementary stream of an object. Its times lie on the unwrapped
// timeline of [Info.Start]: they may be below zero or above the modulus. Each
// time of fragmented MP4 is rounded by itself, from the absolute time.
type Track struct {
	// ID is the PID, or the track_ID of fragmented MP4; 0 if there is no such
	// thing.
	ID   uint32
	Kind Kind
	// Codec as in the CODECS attribute (RFC 6381): "avc1.64001f",
	// "hvc1.1.6.L93.b0", "mp4a.40.2", "mp4a.40.34", "ac-3", "ec-3", "Opus",
	// "fLaC", "av01.0.04M.08", "vp09.00.10.08", "stpp", "wvtt". Empty for data
	// and subtitles of a transport stream, and if the object has no
	// configuration of the track.
	Codec string
	// StreamType is the stream_type of the PMT (ISO/IEC 13818-1, table 2-34).
	StreamType uint8
	// Config is what has to be equal for a decoder to simply carry on. H.264 and H.265: the
	// parameter sets before the first picture, as an Annex B byte stream. AAC: the
	// AudioSpecificConfig. Other audio: the header fields that do not change from frame to
	// frame. Fragmented MP4: the sample descriptions (stsd) without names and bitrates. For
	// avc3 and hev1, whose parameter sets are in the samples, that is not everything.
	Config []byte

	// Width and Height of the video in pixels, after cropping.
	Width, Height int
	// FrameRate is the number of pictures in a second: what the sequence
	// parameter set says if the timestamps agree, otherwise their average.
	FrameRate float64
	// SampleRate in Hz as the audio frames' headers give it, which for HE-AAC
	// with implicit signalling is that of the core.
	SampleRate int
	// Channels of the audio; 0 if the header leaves it to the stream.
	Channels int

	// Timescale is the number of ticks in a second of a fragmented MP4 track's
	// own clock; 0 for other formats.
	Timescale uint32

	// FirstPTS and LastPTS are the smallest and the largest presentation
	// timestamp, FirstDTS and LastDTS the first and the last decoding
	// timestamp in the order of the object. Without a DTS it is the PTS.
	FirstPTS, LastPTS int64
	FirstDTS, LastDTS int64
	// End is when the last picture or sample of the track ends.
	End int64
	// Samples is the number of access units that start in the object: audio
	// frames, pictures (PES packets with a timestamp), or PES packets and
	// sections for data. 0 means that the track is announced but absent.
	Samples int
	// MaxStep is the largest step between decoding timestamps; much more than
	// a frame in a video track means lost pictures.
	MaxStep int64
	// Measure is what grading needs.
	Measure Measure `json:"-"`
}

// Counter is what an object does with the continuity counter of one PID
// (ISO/IEC 13818-1, 2.4.3.3).
type Counter struct {
	PID uint16
	// First and Last are the counters of the first and the last packet with payload, as
	// only these increment; if there is none, of the first and the last packet.
	First, Last uint8
	HasPayload  bool
	// Packets of the PID, with or without payload.
	Packets uint64
	// Errors of this PID; see [Info.CounterErrors].
	Errors int
}

// reference returns the index of the track whose times stand for the whole
// object, or -1.
func reference(tracks []Track) int {
	first := -1
	for i := range tracks {
		switch {
		case tracks[i].Kind == Video:
			return i
		case tracks[i].Kind == Audio && first < 0 && tracks[i].Samples > 0:
			first = i
		}
	}
	return first
}

// rescale returns v*to/from, rounded to the nearest integer, halves away from zero. It is
// false if that does not fit into some 60 bits.
func rescale(v int64, to, from uint32) (int64, bool) {
	if from == 0 || v == math.MinInt64 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(max(v, -v)), uint64(to))
	lo, carry := bits.Add64(lo, uint64(from)/2, 0)
	hi += carry
	if hi >= uint64(from) {
		return 0, false
	}
	q, _ := bits.Div64(hi, lo, uint64(from))
	if q > 1<<60 {
		return 0, false
	}
	if v < 0 {
		return -int64(q), true
	}
	return int64(q), true
}
