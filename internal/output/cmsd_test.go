package output

import (
	"testing"

	"github.com/liveorigin/caddy-live-origin/failover"
)

func TestCMSDStatic(t *testing.T) {
	for _, test := range []struct {
		name   string
		slot   Slot
		r      Rendition
		static string
	}{
		{"picture alone", Slot{}, Rendition{Duration: 2 * failover.ClockRate, Size: 500_000, Format: &Format{Extension: ".ts", Codecs: "avc1.42c01e", VideoCodec: "avc1.42c01e"}},
			"br=2000,com.live-origin-score=100,d=2000,ot=v,sf=h,st=l"},
		{"picture and sound, with a hole", Slot{Penalty: 30}, Rendition{Duration: 2 * failover.ClockRate, Size: 500_000, Format: &Format{Extension: ".m4s", Codecs: "avc1.42c01e,mp4a.40.2", VideoCodec: "avc1.42c01e"}},
			"br=2000,com.live-origin-score=70,d=2000,ot=av,sf=h,st=l"},
		{"sound", Slot{}, Rendition{Duration: 172800, Size: 23_040, Format: &Format{Extension: ".aac", Codecs: "mp4a.40.2"}},
			"br=96,com.live-origin-score=100,d=1920,ot=a,sf=h,st=l"},
		{"text", Slot{}, Rendition{Duration: 2 * failover.ClockRate, Size: 250, Format: &Format{Extension: ".vtt"}},
			"br=1,com.live-origin-score=100,d=2000,ot=c,sf=h,st=l"},
	} {
		if got := test.slot.cmsdStatic(&test.r); got != test.static {
			t.Errorf("%s: %s, want %s", test.name, got, test.static)
		}
	}
}

func TestDefectsForPeople(t *testing.T) {
	if got := defectsText([]failover.Defect{failover.DefectHole, failover.DefectTrackGone}); got != "hole, track_gone" {
		t.Error(got)
	}
}
