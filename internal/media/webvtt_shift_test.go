package media

import (
	"io"
	"strings"
	"testing"
)

// shifted is a text with its cues moved, as viewers get it.
func shifted(t *testing.T, text string, ticks int64) string {
	t.Helper()
	info, err := probe(t, []byte(text)).ShiftCues(ticks)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(io.NewSectionReader(NewCueShifter(strings.NewReader(text), int64(len(text)), ticks), 0, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out)) != info.Size {
		t.Errorf("%q, moved by %d, has %d bytes, and %d were expected", text, ticks, len(out), info.Size)
	}
	return string(out)
}

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
	for _, end := range []string{"\n", "\r\n", "\r"} {
		lines := func(text string) string { return strings.ReplaceAll(text, "\n", end) }
		source := lines("WEBVTT 00:01.000 --> 00:02.000\n\nid\n00:01.500 --> 00:00:03.250 align:start\nnot --> a time\nHello --> you\n\n  1:00:00.000\t-->\t01:00:02.000\tline:0\n")
		want := lines("WEBVTT 00:01.000 --> 00:02.000\n\nid\n00:00:07.500 --> 00:00:09.250 align:start\nnot --> a time\nHello --> you\n\n01:00:06.000 --> 01:00:08.000\tline:0\n")
		if got := shifted(t, source, 6*90000); got != want {
			t.Errorf("%q", got)
		}
	}
	if back := shifted(t, "WEBVTT\n\n00:01.500 --> 00:03.000\r\nx", -2*90000); back != "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\r\nx" {
		t.Errorf("%q", back)
	}
}

// What was written down of text before its times were measured says how many cues there are, but not how long
// the text is once they are moved: a viewer would be promised more bytes than there are.
func TestTextOfAnEarlierVersionIsNotMoved(t *testing.T) {
	info := probe(t, []byte("WEBVTT\n\n00:01.500 --> 00:03.000\nx\n"))
	info.Text.TimesSize = 0
	if moved, err := info.ShiftCues(90000); err == nil {
		t.Errorf("%d bytes, moved %d", info.Size, moved.Size)
	}
	info.Text.Cues = 0
	if same, err := info.ShiftCues(90000); same != info || err != nil {
		t.Errorf("without cues: %v, %v", same, err)
	}
}

func TestTimesOfCues(t *testing.T) {
	for text, want := range map[string]string{
		"00:00.000 --> 00:00.005":                                    "00:00:01.000 --> 00:00:01.005",
		"59:59.900 --> 01:59:59.050":                                 "01:00:00.900 --> 02:00:00.050",
		"123:00:00.000 --> 123:00:00.010":                            "123:00:01.000 --> 123:00:01.010",
		"99:59:59.500 --> 99:59:59.900":                              "100:00:00.500 --> 100:00:00.900",
		"00:00.000 --> 100:00:00.000":                                "000:00:01.000 --> 100:00:01.000",
		"99:59:59.500 --> 00:00:00.000":                              "100:00:00.500 --> 000:00:01.000",
		"00:00.000 --> 00:00":                                        "",
		"0.000 --> 0.500":                                            "",
		"00:00:00:00.000 --> 00:00:00:00.100":                        "",
		"00:-1.000 --> 00:01.000":                                    "",
		"00:01.00 --> 00:02.00":                                      "",
		"00:99999999999.000 --> 00:00:01.000\n":                      "",
		strings.Repeat(" ", maxTextLine) + "00:01.000 --> 00:02.000": "",
		"00:01.000 --> 00:02.000" + strings.Repeat(" ", maxTextLine): "00:00:02.000 --> 00:00:03.000" + strings.Repeat(" ", maxTextLine),
	} {
		if want == "" {
			want = text // it is no time, and stays
		}
		if got := shifted(t, "WEBVTT\n\n"+text, 90000); got != "WEBVTT\n\n"+want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// What is in memory while a viewer gets it has a limit.
func TestLongTextIsNotShifted(t *testing.T) {
	cue := "00:01.500 --> 00:03.250\nwords\n\n"
	for n, fits := range map[int]bool{maxCueText/len(cue) - 1: true, maxCueText/len(cue) + 1: false} {
		text := "WEBVTT\n\n" + strings.Repeat(cue, n)
		if _, err := probe(t, []byte(text)).ShiftCues(90); (err == nil) != fits {
			t.Errorf("%d bytes: %v", len(text), err)
		}
		if _, err := NewCueShifter(strings.NewReader(text), int64(len(text)), 90).ReadAt(make([]byte, 1), 0); (err == nil) != fits {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

// Whatever a text holds, it is known beforehand how long it is afterwards.
func FuzzCuesAreShifted(f *testing.F) {
	f.Add("WEBVTT\r\rX\n00:01.500 --> 00:03.250 a\n\n1:2\r\n-->\n99:59:59.999 --> 00:00.000\t", int64(90000))
	f.Fuzz(func(t *testing.T, text string, ticks int64) {
		p := NewProber()
		p.Write([]byte(text))
		probed, err := p.Finish()
		if err != nil || probed.Info == nil || probed.Info.Text == nil || ticks < -1<<33 || ticks > 1<<33 {
			return
		}
		if len(text) <= maxCueText {
			shifted(t, text, ticks)
		}
	})
}
