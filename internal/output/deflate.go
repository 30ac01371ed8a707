package output

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"sync"
)

// deflated is a piece of text in a form that pieces can be put together in, compressed, to
// one gzip stream (RFC 1952) of a single member: browsers take no more than one.
type deflated struct {
	// packed are blocks of deflate (RFC 1951) that refer to nothing before them and end at a
	// byte.
	packed []byte
	size   int    // of the text
	sum    uint32 // its CRC-32
	shift  uint32 // what combine takes
	digest [sha256.Size]byte
}

// deflaters are writers of deflate. One takes more memory than what it packs.
var deflaters = sync.Pool{New: func() any {
	// It only fails for a level that does not exist.
	w, _ := flate.NewWriter(nil, flate.BestSpeed)
	return w
}}

// deflate compresses a piece of text. The last piece of a stream ends it.
func deflate(text []byte, last bool) deflated {
	var packed bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&packed)
	// Writing to memory does not fail.
	_, _ = w.Write(text)
	if last {
		_ = w.Close()
	} else {
		_ = w.Flush() // up to a byte (RFC 1951 3.2.4)
	}
	return deflated{
		packed: bytes.Clone(packed.Bytes()), size: len(text),
		sum: crc32.ChecksumIEEE(text), shift: shift(len(text)), digest: sha256.Sum256(text),
	}
}

// gzipHead begins a stream: deflate, no flags, no time, as fast as possible, on an unknown
// system (RFC 1952 2.3).
var gzipHead = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff}

// gzipTail ends a stream with the checksum and the length of its text.
func gzipTail(sum uint32, size int) []byte {
	tail := binary.LittleEndian.AppendUint32(nil, sum)
	return binary.LittleEndian.AppendUint32(tail, uint32(size))
}
