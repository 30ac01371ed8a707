package media

import "iter"

// codecID is a codec whose stream this package looks into.
type codecID uint8

const (
	codecNone codecID = iota
	codecH264
	codecH265
	codecAAC
	codecMPEGAudio
	codecAC3
	codecEAC3
	codecDTS
	codecOpus
)

// Stream types (ISO/IEC 13818-1, table 2-34; ATSC A/53 part 3; HLS SAMPLE-AES).
const (
	streamMPEG1Audio = 0x03
	streamMPEG2Audio = 0x04
	streamPrivatePES = 0x06
	streamADTS       = 0x0f
	streamH264       = 0x1b
	streamH265       = 0x24
	streamAC3        = 0x81
	streamEAC3       = 0x87
	streamDTS        = 0x82 // as ffmpeg and Blu-ray discs have it; SCTE 27 subtitles in cable networks
	streamOtherDTS   = 0x8a
)

// unreadStreams are audio and video that would have to be compared for a join,
// but are not understood.
var unreadStreams = map[uint8]struct {
	kind Kind
	name string
}{
	0x01: {Video, "MPEG-1 video"},
	0x02: {Video, "MPEG-2 video"},
	0x10: {Video, "MPEG-4 part 2 video"},
	0x11: {Audio, "AAC in LATM"},
	0x1c: {Audio, "raw MPEG-4 audio"},
	0x21: {Video, "JPEG 2000 video"},
	0x33: {Video, "H.266 video"},
	0x42: {Video, "AVS video"},
	0xea: {Video, "VC-1 video"},
}

// sampleEncrypted are the stream types of HLS sample encryption.
var sampleEncrypted = map[uint8]Kind{0xdb: Video, 0xcf: Audio, 0xc1: Audio, 0xc2: Audio}

// classify says what a stream of a PMT is. Refusal is nil if it can be read
// or is data that needn't be.
func classify(streamType uint8, descriptors []byte) (kind Kind, codec codecID, refusal *Fault) {
	switch streamType {
	case streamH264:
		return Video, codecH264, nil
	case streamH265:
		return Video, codecH265, nil
	case streamADTS:
		return Audio, codecAAC, nil
	case streamMPEG1Audio, streamMPEG2Audio:
		return Audio, codecMPEGAudio, nil
	case streamAC3:
		return Audio, codecAC3, nil
	case streamEAC3:
		return Audio, codecEAC3, nil
	case streamDTS, streamOtherDTS:
		return Audio, codecDTS, nil
	case streamPrivatePES:
		return describedStream(descriptors)
	}
	if kind, ok := sampleEncrypted[streamType]; ok {
		return kind, codecNone, faultf(ReasonEncrypted, "sample encryption, stream type 0x%02x", streamType)
	}
	if u, ok := unreadStreams[streamType]; ok {
		return u.kind, codecNone, faultf(ReasonUnsupported, "%s, stream type 0x%02x", u.name, streamType)
	}
	return Data, codecNone, nil
}

// Descriptors (ISO/IEC 13818-1, 2.6; ETSI EN 300 468, 6.2 and annex D).
const (
	descriptorRegistration = 0x05
	descriptorTeletext     = 0x56
	descriptorDVBSubtitle  = 0x59
	descriptorAC3          = 0x6a
	descriptorEAC3         = 0x7a
	descriptorDTS          = 0x7b
	descriptorExtension    = 0x7f
)

// registered are the streams that a registration descriptor names.
var registered = map[string]struct {
	kind  Kind
	codec codecID
}{
	"AC-3": {Audio, codecAC3},
	"EAC3": {Audio, codecEAC3},
	"DTS1": {Audio, codecDTS},
	"DTS2": {Audio, codecDTS},
	"DTS3": {Audio, codecDTS},
	"Opus": {Audio, codecOpus},
	"HEVC": {Video, codecH265},
}

// describedStream says what private PES data is, by its descriptors.
func describedStream(descriptors []byte) (Kind, codecID, *Fault) {
	for tag, body := range eachDescriptor(descriptors) {
		switch tag {
		case descriptorAC3:
			return Audio, codecAC3, nil
		case descriptorEAC3:
			return Audio, codecEAC3, nil
		case descriptorDTS:
			return Audio, codecDTS, nil
		case descriptorTeletext, descriptorDVBSubtitle:
			return Subtitle, codecNone, nil
		case descriptorRegistration:
			name := string(body[:min(4, len(body))])
			if r, ok := registered[name]; ok {
				return r.kind, r.codec, nil
			}
			if name == "AV01" {
				return Video, codecNone, faultf(ReasonUnsupported, "AV1 video belongs into fragmented MP4")
			}
		}
	}
	return Data, codecNone, nil
}

func eachDescriptor(b []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for len(b) >= 2 {
			tag, end := b[0], min(2+int(b[1]), len(b))
			body := b[2:end]
			b = b[end:]
			if !yield(tag, body) {
				return
			}
		}
	}
}

// opusLayout is the channel_config_code of a stream of Opus, 0 if none is given.
func opusLayout(descriptors []byte) byte {
	const opusExtension = 0x80
	for tag, body := range eachDescriptor(descriptors) {
		if tag == descriptorExtension && len(body) >= 2 && body[0] == opusExtension {
			return body[1]
		}
	}
	return 0
}

// unread says what is passed on without being looked into although viewers may see or hear it; empty for
// what is known to be data.
func unread(streamType uint8, descriptors []byte) string {
	const ac4Extension = 0x15
	if streamType != streamPrivatePES {
		return ""
	}
	for tag, body := range eachDescriptor(descriptors) {
		switch {
		case tag == descriptorExtension && len(body) > 0 && body[0] == ac4Extension,
			tag == descriptorRegistration && len(body) >= 4 && string(body[:4]) == "AC-4":
			return "AC-4 audio"
		case tag == descriptorRegistration && len(body) >= 4 && string(body[:4]) == "BSSD":
			return "PCM audio of SMPTE ST 302"
		}
	}
	if len(descriptors) == 0 {
		return "a private stream without a descriptor (AV1 video belongs into fragmented MP4)"
	}
	return ""
}
