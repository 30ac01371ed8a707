package main

import "testing"

const testPlaylist = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:41
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T20:00:00.000Z
#EXTINF:1.920,
a.ts
#EXT-X-DISCONTINUITY
#EXTINF:1.920,
b.ts
#EXT-X-GAP
#EXTINF:1.920,
c.ts
`

func TestReadPlaylist(t *testing.T) {
	p, err := readPlaylist(testPlaylist)
	if err != nil {
		t.Fatal(err)
	}
	if p.sequence != 41 || p.last() != 43 || p.target != 2 {
		t.Fatalf("%+v", p)
	}
	for i, want := range []entry{
		{sequence: 41, uri: "a.ts", seconds: 1.92, date: testBegin, breaks: 3},
		{sequence: 42, uri: "b.ts", seconds: 1.92, broken: true, breaks: 4},
		{sequence: 43, uri: "c.ts", seconds: 1.92, breaks: 4, gap: true},
	} {
		if !same(p.entries[i], want) || p.entries[i].sequence != want.sequence {
			t.Errorf("%+v, want %+v", p.entries[i], want)
		}
	}
}

func TestReaderNotices(t *testing.T) {
	at := func(first, n, target int) *shown {
		p := &shown{sequence: first, target: target}
		p.entries = make([]entry, n)
		return p
	}
	for name, test := range map[string]struct {
		next *shown
		want string
	}{
		"goes on":                    {at(11, 3, 2), ""},
		"is the same":                {at(10, 3, 2), ""},
		"first number goes back":     {at(9, 4, 2), foundBack},
		"last number goes back":      {at(10, 2, 2), foundBack},
		"begins again":               {at(0, 3, 2), foundBack},
		"another target duration":    {at(11, 3, 3), foundChange},
		"a number that is far ahead": {at(90, 3, 2), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := makeReader(&soakChannel{site: testSite()})
			r.numbers(at(10, 3, 2))
			r.numbers(test.next)
			if test.want == "" && len(r.findings) == 0 {
				return
			}
			if len(r.findings) == 0 || r.findings[0].kind != test.want {
				t.Fatalf("%+v, want %q", r.findings, test.want)
			}
		})
	}
}

func testSite() *site {
	return &site{nodes: []*steadfast{{origin: &origin{addr: "1", name: "node-1"}}, {origin: &origin{addr: "2", name: "node-2"}}}}
}

// Each node has numbers of its own: another one may be a slot behind for a moment.
func TestReaderTurnsToAllNodes(t *testing.T) {
	r := makeReader(&soakChannel{site: testSite()})
	look := func(last int) { r.numbers(&shown{sequence: last, target: 2, entries: make([]entry, 1)}) }
	look(10)
	r.turn()
	look(9)
	r.turn()
	if look(10); r.addr != "1" || len(r.findings) != 0 {
		t.Errorf("at %s: %+v", r.addr, r.findings)
	}
	if look(9); len(r.findings) == 0 || r.findings[0].kind != foundBack {
		t.Errorf("a number that goes back at one node is not noticed: %+v", r.findings)
	}
}

func TestResourcesThatGrow(t *testing.T) {
	var u usages
	for i := range 40 {
		u.samples = append(u.samples, []float64{100, float64(i)})
	}
	if first, last, ok := u.quarters(0); !ok || first != 100 || last != 100 {
		t.Error(first, last, ok)
	}
	if first, last, ok := u.quarters(1); !ok || first != 4.5 || last != 34.5 {
		t.Error(first, last, ok)
	}
}
