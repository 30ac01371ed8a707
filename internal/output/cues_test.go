package output

import (
	"slices"
	"testing"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// Viewers are told of a break that begins or ends with a segment that nobody delivered: at what comes
// after that, or at the gap in its place. What is over by then is not told.
func TestBreaksWhereMediaWasLost(t *testing.T) {
	const (
		scte = "#EXT-OATCLS-SCTE35:/DAl"
		out  = "#EXT-X-CUE-OUT:30"
		cont = "#EXT-X-CUE-OUT-CONT:2/30"
		in   = "#EXT-X-CUE-IN"
		date = `#EXT-X-DATERANGE:ID="x",START-DATE="2026-05-01T20:15:00Z",DURATION=4`
		only = "#EXT-X-SCTE35:TYPE=0x30"
	)
	for name, c := range map[string]struct {
		before []string   // lines of the slot before
		lost   [][]string // lines of segments that were lost
		own    []string
		told   []string
	}{
		"it begins":                         {nil, [][]string{{scte, out}}, []string{cont}, []string{scte, out, cont}},
		"it ends":                           {[]string{out}, [][]string{{cont}, {in}}, nil, []string{in}},
		"it began and ended":                {nil, [][]string{{scte, out}, {cont}, {in}}, nil, nil},
		"it ended, and another one began":   {[]string{out}, [][]string{{in}, {scte, out}}, nil, nil},
		"it began, and ends":                {nil, [][]string{{scte, out}}, []string{in}, []string{in}},
		"it ended, and the next one begins": {[]string{out}, [][]string{{in}}, []string{scte, out}, []string{in, scte, out}},
		"in the middle of it":               {[]string{out}, [][]string{{cont}}, []string{cont}, []string{cont}},
		"a date range":                      {nil, [][]string{{date}, nil}, []string{in}, []string{date, in}},
		"messages alone":                    {nil, [][]string{{only}, {"#EXT-X-ASSET:A=1"}}, nil, []string{only}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTimeline(t, 0, "v.m3u8", "audio.m3u8")
			l.tell("a", c.before...)
			slot := failover.Slot{Input: "a", Start: l.at, Passed: c.lost, Renditions: []failover.SlotRendition{{Path: "v.m3u8"}}}
			if c.own != nil {
				slot.Renditions[0].Parts = []failover.Part{{Object: "x", Tags: c.own}}
			}
			if told := l.w.Tags(slot); !slices.Equal(told, c.told) {
				t.Errorf("told: %q", told)
			}
		})
	}
}
