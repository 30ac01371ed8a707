package output

import "testing"

func TestMoments(t *testing.T) {
	const at = 1777666500
	for text, want := range map[string]float64{
		"1777666500": at, "1777666500.25": at + 0.25, "0": 0,
		"2026-05-01T20:15:00Z": at, "2026-05-01T20:15:00.250Z": at + 0.25, "2026-05-01T20:15Z": at,
		"2026-05-01T22:15:00+02:00": at, "2026-05-01T22:15:00 02:00": at, "2026-05-01T22:15:00+0200": at,
		"2026-05-01T22:15:00 0200": at, "2026-05-01T15:15:00-05:00": at, "2026-05-01T22:15 02:00": at,
	} {
		got, ok := parseMoment(text)
		if !ok || float64(got.UnixMilli())/1000 != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
}
