package media

import (
	"bytes"
	"encoding/binary"
)

const (
	id3Header = 10 // of a tag, and of a frame in it (ID3v2.4 structure, 3.1 and 4)
	// maxID3 is how many bytes of a tag are searched. The timestamp comes
	// first; what makes tags large is pictures.
	maxID3 = 16 << 10
	id3v1  = 128 // a tag of this size ends some MP3 files
)

// Owners of the PRIV frames that HLS defines (RFC 8216, 3.4; Apple, MPEG-2
// Stream Encryption Format for HTTP Live Streaming, 2.3.1).
const (
	timestampOwner  = "com.apple.streaming.transportStreamTimestamp\x00"
	encryptionOwner = "com.apple.streaming.audioDescription\x00"
)

// id3Size returns how many bytes follow the header of a tag, and whether it is
// one (ID3v2.4 structure, 3.1).
func id3Size(b []byte) (int64, bool) {
	if b[3] == 0xff || b[4] == 0xff {
		return 0, false
	}
	size, ok := syncsafe(b[6:])
	const footer = 0x10
	if b[5]&footer != 0 {
		size += id3Header
	}
	return size, ok
}

// syncsafe reads a number of four times 7 bits (ID3v2.4 structure, 6.2).
func syncsafe(b []byte) (int64, bool) {
	if len(b) < 4 || (b[0]|b[1]|b[2]|b[3])&0x80 != 0 {
		return 0, false
	}
	return int64(b[0])<<21 | int64(b[1])<<14 | int64(b[2])<<7 | int64(b[3]), true
}

// id3Tag is what a tag says.
type id3Tag struct {
	hasTime   bool
	time      int64 // 33 bits
	encrypted bool
	others    bool // it has frames other than the timestamp
}

// readID3 reads the rest of a tag after its header, or the first bytes of it.
func readID3(header, b []byte) id3Tag {
	const unsynchronised, extended = 0x80, 0x40
	version, flags := header[3], header[5]
	if flags&unsynchronised != 0 {
		b = bytes.ReplaceAll(b, []byte{0xff, 0}, []byte{0xff})
	}
	if flags&extended != 0 && len(b) >= 4 {
		size := int64(binary.BigEndian.Uint32(b)) + 4
		if version >= 4 {
			size, _ = syncsafe(b)
		}
		b = b[min(size, int64(len(b))):]
	}
	var tag id3Tag
	for len(b) >= id3Header && b[0] != 0 {
		size := int64(binary.BigEndian.Uint32(b[4:]))
		if version >= 4 {
			size, _ = syncsafe(b[4:])
		}
		body := b[id3Header:min(id3Header+size, int64(len(b)))]
		name := string(b[:4])
		b = b[id3Header+len(body):]
		if name == "PRIV" {
			// Some packagers write the owner as text of other frames, with a byte for
			// its encoding.
			body = bytes.TrimLeft(body, "\x00\x03")
		}
		switch {
		case name == "PRIV" && bytes.HasPrefix(body, []byte(timestampOwner)) && len(body) >= len(timestampOwner)+8:
			tag.time = int64(binary.BigEndian.Uint64(body[len(timestampOwner):]) & (uint64(timestampModulus) - 1))
			tag.hasTime = true
		case name == "PRIV" && bytes.HasPrefix(body, []byte(encryptionOwner)):
			tag.encrypted = true
		default:
			tag.others = true
		}
	}
	return tag
}
