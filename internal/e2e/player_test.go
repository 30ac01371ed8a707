package e2e

import (
	"testing"
	"time"
)

// TestPlayersDoNotNoticeAFailover: hls.js and ffmpeg play through a kill of the
// active encoder.
func TestPlayersDoNotNoticeAFailover(t *testing.T) {
	for _, test := range []struct {
		name   string
		output func(target string) []string
	}{
		{"transport streams", lockedOutput},
		{"fragmented MP4", fmp4Output},
	} {
		t.Run(test.name, func(t *testing.T) {

			source := startContribution(t)
			o := startOrigin(t, oneEndpoint)
			encoders, at := map[string]*encoder{}, source.nextBegin()
			for _, input := range []string{"a", "b"} {
				target := o.url("/in/sports/" + input)
				encoders[input] = source.startEncoderAt(at, target, test.output(target)...)
			}
			fast := watch(t, o, "/fast/sports")
			fast.wait(4)
			browser := play(t, o.url("/fast/sports/index.m3u8"))
			puller := pull(t, o.url("/fast/sports/index.m3u8"))
			fast.wait(3)
			encoders[fast.lastInput()].kill()
			fast.wait(7)
			r := browser.report()
			if d := r.stalled(); d > 0 {
				t.Errorf("the picture stood still for %s", d)
			}
			if r.Played < 15 {
				t.Errorf("only %.1f s were played", r.Played)
			}
			puller.check()
			fast.finish()
		})
	}
}

// TestPlayersSurviveAFailoverOfIndependentEncoders: with a discontinuity the
// picture may stand still for less than a target duration.
func TestPlayersSurviveAFailoverOfIndependentEncoders(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, oneEndpoint)
	a := startIndependent(t, o.url("/in/sports/a"), 50)
	fast := watch(t, o, "/fast/sports")
	time.Sleep(7 * time.Second)
	startIndependent(t, o.url("/in/sports/b"), 45)
	fast.wait(4)
	browser := play(t, o.url("/fast/sports/index.m3u8"))
	fast.wait(3)
	a.kill()
	fast.wait(8)
	r := browser.report()
	if d := r.stalled(); d >= 2*time.Second {
		t.Errorf("the picture stood still for %s", d)
	}
	if r.Played < 15 {
		t.Errorf("only %.1f s were played", r.Played)
	}
	fast.finish()
}
