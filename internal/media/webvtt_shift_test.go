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

func TestTimesOfCues(t *testing.T) {
	for text, want := range map[string]string{
		"00:00.000 --> 00:00.005":               "00:00:01.000 --> 00:00:01.005",
		"59:59.900 --> 01:59:59.050":            "01:00:00.900 --> 02:00:00.050",
		"123:00:00.000 --> 123:00:00.010":       "123:00:01.000 --> 123:00:01.010",
		"00:00.000 --> 00:00":                   "",
		"0.000 --> 0.500":                       "",
		"00:00:00:00.000 --> 00:00:00:00.100":   "",
		"00:-1.000 --> 00:01.000":               "",
		"00:01.00 --> 00:02.00":                 "",
		"00:99999999999.000 --> 00:00:01.000\n": "",
	} {
		if want == "" {
			want = text // it is no time, and stays
		}
		if got, err := io.ReadAll(ShiftCues(strings.NewReader(text), 90000)); err != nil || string(got) != want {
			t.Errorf("%q becomes %q, %v", text, got, err)
		}
	}
}

// What a channel has to wait for has a limit.
func TestLongTextIsNotShifted(t *testing.T) {
	cue := "00:01.500 --> 00:03.250\nwords\n\n"
	if _, err := io.ReadAll(ShiftCues(strings.NewReader(strings.Repeat(cue, maxCueText/len(cue))), 1)); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(ShiftCues(strings.NewReader(strings.Repeat(cue, 1+maxCueText/len(cue))), 1)); err == nil {
		t.Error("there is no limit")
	}
}
