package output

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func TestChecksumsOfTextsTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	whole := crc32.ChecksumIEEE(text)
	for _, at := range []int{0, 1, 2, 3, 7, 8, 255, 256, 4095, 65_536, 99_999, 100_000} {
		first, second := text[:at], text[at:]
		if got := combine(crc32.ChecksumIEEE(first), crc32.ChecksumIEEE(second), shift(len(second))); got != whole {
			t.Errorf("cut at %d: %08x, not %08x", at, got, whole)
		}
	}
	if shift(0) != one || combine(whole, crc32.ChecksumIEEE(nil), shift(0)) != whole {
		t.Error("nothing behind a text changes its checksum")
	}
}

// The shift of a length is the product of those of its parts, also where one has more bits
// than there are powers.
func TestShiftsOfLongTexts(t *testing.T) {
	for _, n := range []int{1, 1 << 20, 1<<29 - 1, 1 << 29, 1<<31 + 12345, 1 << 40} {
		if multiply(shift(n), shift(n+1)) != shift(2*n+1) {
			t.Errorf("%d bytes", n)
		}
	}
}

func FuzzChecksumsOfTextsTogether(f *testing.F) {
	f.Add([]byte("#EXTM3U\n"), []byte("#EXT-X-ENDLIST\n"), []byte{})
	f.Add([]byte{}, []byte{0}, []byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		all := append(append(append([]byte{}, a...), b...), c...)
		sum := crc32.ChecksumIEEE(a)
		for _, next := range [][]byte{b, c} {
			sum = combine(sum, crc32.ChecksumIEEE(next), shift(len(next)))
		}
		if want := crc32.ChecksumIEEE(all); sum != want {
			t.Errorf("%08x, not %08x", sum, want)
		}
	})
}
