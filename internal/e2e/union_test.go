package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// hitlessFor is for how long encoders are killed and revived in turn.
var hitlessFor = flag.Duration("hitless-for", 40*time.Second, "how long a hitless endpoint is tried")

// TestNothingIsLostThatEitherDelivered: each link of a locked pair loses a fifth of all
// segments, never the same one of the same rendition. Viewers get every packet once.
func TestNothingIsLostThatEitherDelivered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		output func(target string) []string
		check  func(*testing.T, *viewer, []byte)
	}{
		{"transport streams", lockedOutput, checkEveryPacket},
		{"fragmented MP4", fmp4Output, func(t *testing.T, v *viewer, programme []byte) { checkEveryFrame(t, v, programme, 3) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := startContribution(t)
			o := startOrigin(t, twoEndpoints)
			at := source.nextBegin()
			for share, input := range []string{"a", "b"} {
				target := newLink(t, o, losing(input, uint32(share))).URL + "/in/sports/" + input
				source.startEncoderAt(at, target, test.output(target)...)
			}
			fast, slow := watch(t, o, "/fast/sports"), watch(t, o, "/live/sports")
			fast.wait(18)
			slow.wait(1)
			fast.finish()
			slow.finish()
			programme := source.recorded()
			for _, v := range []*viewer{fast, slow} {
				test.check(t, v, programme)
				if !slices.ContainsFunc(v.one().segments, func(s followedSegment) bool { return strings.Contains(s.input, "+") }) {
					t.Errorf("%s: no segment is from both inputs", v.base)
				}
			}
			patched := o.log.find("slot patched")
			if len(patched) == 0 || !strings.Contains(fmt.Sprint(patched[0]["borrowed"]), " of ") {
				t.Errorf("the log does not say what came from where: %v", patched)
			}
		})
	}
}

const hitlessEndpoint = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				failover_policy hitless
			}
		}`

// TestTheDeathOfAnEncoderMakesNothingLate: both encoders of a hitless endpoint are killed
// and revived in turn. Every slot is there as soon as the one that lives has it, and a
// player with 3 s of buffer does not notice.
func TestTheDeathOfAnEncoderMakesNothingLate(t *testing.T) {
	source := startContribution(t)
	o := startOrigin(t, hitlessEndpoint)
	way := newLink(t, o, func(_ string, _ int, body []byte) []byte { return body })
	encoders := map[string]*encoder{}
	for _, input := range []string{"a", "b"} {
		encoders[input] = source.startEncoder(way.URL + "/in/sports/" + input)
	}
	fast := watch(t, o, "/fast/sports")
	fast.wait(4)
	browser := startPlayer(t, viewing{
		player: hlsJS, stream: o.url("/fast/sports/index.m3u8"), position: -1,
		options: `{"liveSyncDuration": 3, "maxBufferLength": 3}`,
	})
	for begin, turn := time.Now(), 0; time.Since(begin) < *hitlessFor; turn++ {
		input := []string{"a", "b"}[turn%2]
		encoders[input].kill()
		fast.wait(4)
		encoders[input] = source.startEncoder(way.URL + "/in/sports/" + input)
		fast.wait(4)
	}
	r := browser.report()
	if d := r.stalled(); d > 0 {
		t.Errorf("the picture stood still for %s", d)
	}
	fast.finish()
	checkEveryPacket(t, fast, source.recorded())
	checkArrivals(t, o, "fast", way)
	if len(o.log.find("hitless: not protected")) == 0 || len(o.log.find("hitless: protected")) == 0 {
		t.Error("nobody was told that protection was lost, and came back")
	}
}

// checkArrivals fails if a slot of an endpoint was not published when a segment or a playlist of what
// it was taken from arrived: without hitless, it would be at the end of the grace. How late encoders
// are is theirs.
func checkArrivals(t *testing.T, o *origin, endpoint string, way *link) {
	t.Helper()
	uploads := way.carried()
	worst, slots := time.Duration(0), 0
	for _, e := range o.log.find("slot published") {
		if e["endpoint"] != endpoint {
			continue
		}
		if slots++; slots <= 2 {
			continue // at first it is not known whether there will be more renditions
		}
		at := logTime(t, e, "published")
		from, _ := e["sources"].([]any)
		if len(from) == 0 {
			from = []any{e["input"]}
		}
		after := time.Hour
		for _, u := range uploads {
			if input := strings.Split(u.path, "/")[3]; slices.Contains(from, any(input)) && !at.Before(u.from) {
				after = min(after, max(0, at.Sub(u.to)))
			}
		}
		worst = max(worst, after)
		if allowed := 50*time.Millisecond + machine.around(at); after > allowed {
			t.Errorf("slot %v was published %s after the last upload of %v, %s are allowed", e["msn"], after, from, allowed)
		}
	}
	t.Logf("%s: %d slots, the worst %s after an upload of its input", endpoint, slots, worst)
}
