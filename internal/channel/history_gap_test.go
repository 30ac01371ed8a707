package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Nodes are apart, and one side lacks the sound of a slot: it is a gap there. What comes once they meet goes on
// for the viewers of both sides, although the gap does not end where the sound does.
func TestHistoriesMeetBehindAGap(t *testing.T) {
	names, pictures := testmedia.Segments(t, "28", "-an")
	_, sounds := testmedia.Segments(t, "28", "-vn", "-ar", "44100")
	for name, lacks := range map[string]string{"of the history that holds": "b", "of the other one": "a"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				defer s.end()
				nodes := s.startThree()
				var encoders []*encoder
				for i, input := range []string{"a", "b"} {
					sound := &encoder{t: t, c: nodes[i], input: input, media: sounds, playlist: "sound.m3u8"}
					for _, name := range names {
						sound.names = append(sound.names, "sound-"+name)
					}
					encoders = append(encoders, sound, &encoder{t: t, c: nodes[i], input: input, names: names, media: pictures})
				}
				gaps := map[uint64]bool{}
				for n := range 12 {
					time.Sleep(segmentTime - 1300*time.Millisecond)
					switch n {
					case 3:
						s.cutOff("n1")
					case 8:
						s.heal("n1")
					}
					for _, e := range encoders {
						if n == 7 && e.input == lacks && e.playlist != "" {
							continue
						}
						e.deliver(n)
					}
					time.Sleep(1300 * time.Millisecond)
					synctest.Wait()
					for i, c := range nodes {
						for _, slot := range c.View("hls").Slots() {
							if slot.Discontinuity {
								t.Errorf("after %d, node %d: slot %d has a discontinuity", n, i+1, slot.MSN)
							}
							for r := range slot.Renditions {
								if len(slot.Renditions[r].Parts) == 0 {
									gaps[slot.MSN] = true
								}
							}
						}
					}
				}
				if len(gaps) != 1 {
					t.Errorf("the gaps are %v", gaps)
				}
			})
		})
	}
}
