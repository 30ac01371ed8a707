package hls

import "testing"

// FuzzParse: whatever can be read can be written, and reads the same again.
func FuzzParse(f *testing.F) {
	for _, cases := range [][]playlistCase{goodCases, badCases, oddCases, ffmpegCases(f)} {
		for _, c := range cases {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text, Limits{})
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Fatalf("error has %d bytes", len(err.Error()))
			}
			return
		}
		if (p.Media == nil) == (p.Multivariant == nil) {
			t.Fatal("not exactly one kind")
		}
		if len(p.Notes) > maxNotes {
			t.Fatalf("%d notes", len(p.Notes))
		}
		checkRoundTrip(t, kept(p))
	})
}

// FuzzAttributes: whatever can be read can be written, and reads the same
// again.
func FuzzAttributes(f *testing.F) {
	for _, c := range attributeCases {
		f.Add(c.list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if checkCharacters(list) != nil {
			return // the scanner lets no such line through
		}
		attributes, err := ParseAttributes(list)
		if err != nil {
			return
		}
		var w attributeWriter
		text, err := w.finish(attributes)
		if err != nil {
			t.Fatalf("write %v: %v", attributes, err)
		}
		again, err := ParseAttributes(string(text))
		if err != nil || len(again) != len(attributes) {
			t.Fatalf("%s: %v, %v", text, again, err)
		}
		for i := range again {
			if again[i] != attributes[i] {
				t.Fatalf("was %+v, is %+v", attributes[i], again[i])
			}
		}
	})
}

// FuzzResolveURI: every path that comes out is clean, and stays as it is.
func FuzzResolveURI(f *testing.F) {
	for _, c := range resolveCases {
		f.Add(c.playlist, c.uri)
	}
	f.Fuzz(func(t *testing.T, playlist, uri string) {
		if path, err := ResolveURI(testInput, playlist, uri); err == nil {
			checkClean(t, path)
		}
		if path, err := CleanPath(uri); err == nil {
			checkClean(t, path)
		}
	})
}
