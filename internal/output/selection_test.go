package output

import (
	"testing"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// Limits are for video: what has only audio is served whatever its rate.
func TestLimitsAreForVideo(t *testing.T) {
	limits := Limits{MinBitrate: 1_000_000}
	for codecs, served := range map[string]bool{
		"mp4a.40.2": true, "Opus": true, "dtsc": true, "dtsh,mp4a.40.2": true, "mhm1.0x0D": true, "ac-4.02.01.03": true,
		"avc1.64001f,mp4a.40.2": false, "Opus,av01.0.04M.08": false, "": false,
	} {
		if limits.within(&hls.Variant{Bandwidth: 64_000, Codecs: codecs}) != served {
			t.Errorf("CODECS %q: served is %v", codecs, !served)
		}
	}
}
