package failover_test

import (
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// A channel with two inputs, of which the active one falls silent.
func Example() {
	channel, err := failover.New(failover.Config{
		Inputs:    []string{"a", "b"},
		Endpoints: []failover.EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}},
	})
	if err != nil {
		panic(err)
	}
	now := time.Unix(1000, 0)
	for _, input := range []string{"a", "b"} {
		channel.Step(now, failover.Multivariant{Input: input, Renditions: []failover.Announced{{Path: "live.m3u8"}}})
	}
	// Both deliver two segments, then only b goes on.
	for n := range uint64(4) {
		now = now.Add(2 * time.Second)
		for _, input := range []string{"a", "b"} {
			if input == "a" && n > 1 {
				continue
			}
			start := failover.Ticks(n) * 2 * failover.ClockRate
			path := fmt.Sprintf("seg%d.ts", n)
			print(channel.Step(now, failover.Object{
				Input: input, Path: path, ID: input + "/" + path, Hash: input + path,
				Media: &failover.Media{Start: start, End: start + 2*failover.ClockRate, Modulus: 1 << 33, Frame: 3600, Video: true},
			}))
			print(channel.Step(now, failover.Playlist{
				Input: input, Path: "live.m3u8", TargetDuration: 2 * time.Second,
				Segments: []failover.ListedSegment{{Number: n, Path: path, Duration: 2 * failover.ClockRate}},
			}))
		}
		// The channel says when time alone changes something.
		if at, ok := channel.Deadline(); ok && at.Before(now.Add(2*time.Second)) {
			print(channel.Step(at, failover.Tick{}))
		}
	}
	// Output:
	// 1002 from a: seg0.ts
	// 1003 from a: seg1.ts
	// 1004 from b: seg2.ts (missing_segment, seamless)
	// 1005 from b: seg3.ts
}

func print(effects []failover.Effect) {
	for _, effect := range effects {
		p, ok := effect.(failover.Published)
		if !ok {
			continue
		}
		s := p.Slot
		fmt.Printf("%d from %s: %s", s.MSN, s.Input, s.Renditions[0].Parts[0].Object[2:])
		if s.Switch != nil && s.Switch.From != "" {
			fmt.Printf(" (%s, %s)", s.Switch.Reason, map[bool]string{true: "seamless", false: "discontinuity"}[s.Switch.Seamless])
		}
		fmt.Println()
	}
}
