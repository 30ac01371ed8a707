package media

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
	0x8a: {Audio, "DTS audio"},
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
	case streamPrivatePES:
		kind, codec = describedStream(descriptors)
		return kind, codec, nil
	}
	if kind, ok := sampleEncrypted[streamType]; ok {
		return kind, codecNone, faultf(ReasonEncrypted, "sample encryption, stream type 0x%02x", streamType)
	}
	if u, ok := unreadStreams[streamType]; ok {
		return u.kind, codecNone, faultf(ReasonUnsupported, "%s, stream type 0x%02x", u.name, streamType)
	}
	return Data, codecNone, nil
}

// describedStream says what private PES data is, by its descriptors
// (ETSI EN 300 468, 6.2 and annex D; ISO/IEC 13818-1, 2.6.8).
func describedStream(b []byte) (Kind, codecID) {
	const registration, teletext, dvbSubtitle, ac3, eac3 = 0x05, 0x56, 0x59, 0x6a, 0x7a
	for len(b) >= 2 {
		tag, end := b[0], min(2+int(b[1]), len(b))
		body := b[2:end]
		b = b[end:]
		switch tag {
		case ac3:
			return Audio, codecAC3
		case eac3:
			return Audio, codecEAC3
		case teletext, dvbSubtitle:
			return Subtitle, codecNone
		case registration:
			if len(body) < 4 {
				continue
			}
			switch string(body[:4]) {
			case "AC-3":
				return Audio, codecAC3
			case "EAC3":
				return Audio, codecEAC3
			case "HEVC":
				return Video, codecH265
			}
		}
	}
	return Data, codecNone
}
