package demo

import (
	"bytes"
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/bitstream"
)

func TestBits(t *testing.T) {
	w := &bitWriter{}
	numbers := []uint32{0, 1, 2, 6, 7, 510, 65534, 1 << 20}
	for _, v := range numbers {
		w.ue(v)
	}
	r := &bitstream.Reader{Bytes: w.b}
	for _, v := range numbers {
		if got := r.UE(); got != v || r.Bad {
			t.Errorf("%d is read as %d", v, got)
		}
	}
	r = &bitstream.Reader{Bytes: []byte{0, 0}}
	if r.UE(); !r.Bad {
		t.Error("what is cut off is read")
	}
}

func TestEmulationPrevention(t *testing.T) {
	for _, c := range []struct{ plain, escaped []byte }{
		{[]byte{1, 0, 0, 1}, []byte{1, 0, 0, 3, 1}},
		{[]byte{0, 0, 0, 0, 0, 2}, []byte{0, 0, 3, 0, 0, 3, 0, 2}},
		{[]byte{0, 0, 4, 0, 1}, []byte{0, 0, 4, 0, 1}},
		{[]byte{0, 0, 3}, []byte{0, 0, 3, 3}},
	} {
		if got := escape(c.plain); !bytes.Equal(got, c.escaped) {
			t.Errorf("% x is escaped as % x", c.plain, got)
		}
		if got := bitstream.Unescape(nil, c.escaped); !bytes.Equal(got, c.plain) {
			t.Errorf("% x is unescaped as % x", c.escaped, got)
		}
	}
}

// What the sample does not have is refused rather than misread.
func TestOtherSlicesAreRefused(t *testing.T) {
	s := theSample(t)
	key := s.segments[0].stills[0]
	syntax, err := parseParameters(key)
	if err != nil {
		t.Fatal(err)
	}
	if want := (sliceSyntax{frameNumBits: 5, macroblocks: 30 * 17, deblocking: true}); syntax != want {
		t.Errorf("%+v, want %+v", syntax, want)
	}
	for name, unit := range map[string][]byte{
		"nothing":             nil,
		"a key frame":         key,
		"a cut header":        {0, 0, 1, 0x41, 0x9a},
		"slices of half":      {0, 0, 1, 0x41, 0x50, 0xff, 0xff, 0xff, 0xff},
		"no slice, but SEI":   {0, 0, 1, 6, 5, 1, 2, 0x80},
		"two slices in one":   bytes.Repeat(s.segments[0].stills[1], 2),
		"an intra slice":      {0, 0, 1, 0x41, 0x88, 0xff, 0xff, 0xff, 0xff},
		"a bidirectional one": {0, 0, 1, 0x41, 0x9c | 1, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := syntax.still(unit); err == nil {
			t.Errorf("%s is taken for a P picture", name)
		}
	}
	for name, unit := range map[string][]byte{
		"a P picture":  s.segments[0].stills[1],
		"High profile": {0, 0, 1, 0x67, 100, 0, 31, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0x68, 0xff, 0xff, 0xff},
		"cut sets":     {0, 0, 1, 0x67, 66, 0, 0, 1, 0x68},
	} {
		if _, err := parseParameters(unit); err == nil {
			t.Errorf("%s has parameter sets", name)
		}
	}
	again, err := syntax.still(s.segments[0].stills[1])
	if err != nil || !bytes.Equal(again, s.segments[0].stills[1]) {
		t.Errorf("a still picture is not one: %v", err)
	}
}
