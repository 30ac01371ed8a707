package file

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// A journal is a sequence of files, each a header and records, in little-endian
// order:
//
//	header   8 bytes magic, 8 bytes revision before the first record,
//	         4 bytes CRC-32C of these 16, 4 bytes zero
//	record   4 bytes CRC-32C of all that follows, 4 bytes length,
//	         8 bytes revision, the bytes
//
// The revisions have no gaps, so a record in the wrong place is recognized as damage even
// when its checksum is right.
const (
	magic        = "LIVEJNL1"
	headerSize   = 24
	recordHeader = 16
	// maxRecord is the longest record in bytes.
	maxRecord = 64 << 20
)

var (
	byteOrder  = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("record is damaged")
)

func header(base uint64) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = byteOrder.AppendUint64(b, base)
	b = byteOrder.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, 0, 0, 0, 0)
}

func appendRecord(b []byte, revision uint64, record []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = byteOrder.AppendUint32(b, uint32(len(record)))
	b = byteOrder.AppendUint64(b, revision)
	b = append(b, record...)
	byteOrder.PutUint32(b[start:], crc32.Checksum(b[start+4:], castagnoli))
	return b
}

// readRecord reads the record with this revision into buf. left is the most that
// r may still hold. io.EOF: there is no more.
func readRecord(r io.Reader, revision uint64, left int64, buf []byte) ([]byte, error) {
	var head [recordHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = errDamaged
		}
		return buf, err
	}
	n := int64(byteOrder.Uint32(head[4:]))
	if n > maxRecord || n > left {
		return buf, errDamaged
	}
	if byteOrder.Uint64(head[8:]) != revision {
		return buf, errDamaged
	}
	buf = slices.Grow(buf[:0], int(n))[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errDamaged
		}
		return buf, err
	}
	sum := crc32.Update(crc32.Checksum(head[4:], castagnoli), castagnoli, buf)
	if sum != byteOrder.Uint32(head[:]) {
		return buf, errDamaged
	}
	return buf, nil
}
