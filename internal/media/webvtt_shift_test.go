package media

import (
	"io"
	"strings"
	"testing"
)

// Joined text has the map of its first part: the cues of the others are moved so that they
// are shown when their own encoder meant it.
func TestCuesAreShiftedToTheMapOfTheFirstPart(t *testing.T) {
	first := &Info{Text: &Text{HasMap: true, MapMPEGTS: 900000}}
	second := &Info{Text: &Text{HasMap: true, MapMPEGTS: 900000 + 6*90000}}
	if got := first.CueShift(second); got != 6*90000 {
		t.Fatalf("shift %d", got)
	}
	if got := second.CueShift(first); got != -6*90000 {
		t.Fatalf("shift %d", got)
	}
	source := "WEBVTT\n\nid\n00:01.500 --> 00:00:03.250 align:start\nnot --> a time\nHello --> you\n"
	shifted, err := io.ReadAll(ShiftCues(strings.NewReader(source), 6*90000))
	if err != nil {
		t.Fatal(err)
	}
	want := "WEBVTT\n\nid\n00:00:07.500 --> 00:00:09.250 align:start\nnot --> a time\nHello --> you\n"
	if string(shifted) != want {
		t.Errorf("%q", shifted)
	}
	back, _ := io.ReadAll(ShiftCues(strings.NewReader("WEBVTT\n\n00:01.500 --> 00:03.000\r\nx"), -2*90000))
	if string(back) != "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\r\nx" {
		t.Errorf("%q", back)
	}
}
