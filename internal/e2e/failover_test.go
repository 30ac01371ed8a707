package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

const twoEndpoints = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 30s
			}
			endpoint hls /live/sports {
				segment_duration 6s
				playlist_window 60s
			}
		}`

// TestNoPacketIsLostWhenTheActiveEncoderIsKilled: two encoders push a locked
// pair; the active one is killed, brought back, and then the other one is
// killed. What viewers download holds every packet of the programme once.
func TestNoPacketIsLostWhenTheActiveEncoderIsKilled(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, twoEndpoints)
	encoders := map[string]*encoder{
		"a": source.startEncoder(o.url("/in/sports/a")),
		"b": source.startEncoder(o.url("/in/sports/b")),
	}
	fast, slow := watch(t, o, "/fast/sports"), watch(t, o, "/live/sports")
	fast.wait(3)
	for range 2 {
		active := fast.lastInput()
		encoders[active].kill()
		fast.wait(5)
		if now := fast.lastInput(); now == active {
			t.Fatalf("input %s is dead, but still active", active)
		}
		encoders[active] = source.startEncoder(o.url("/in/sports/" + active))
		fast.wait(5)
	}
	fast.finish()
	slow.finish()
	programme := source.recorded()
	for _, v := range []*viewer{fast, slow} {
		checkEveryPacket(t, v, programme)
	}
	checkSwitches(t, o, "fast", 2)
}

// checkEveryPacket compares what a viewer has with the programme.
func checkEveryPacket(t *testing.T, v *viewer, programme []byte) {
	t.Helper()
	whole := map[string][]string{}
	for _, stream := range []string{"v:0", "v:1", "a:0"} {
		whole[stream] = packets(t, programme, stream)
	}
	found := map[string]bool{}
	for uri, f := range v.renditions {
		if f.discontinuity > 0 {
			t.Errorf("%s%s: %d discontinuities", v.base, uri, f.discontinuity)
		}
		kind := "v:0"
		got := packets(t, f.bytes.Bytes(), kind)
		if len(got) == 0 {
			kind = "a:0"
			got = packets(t, f.bytes.Bytes(), kind)
		}
		ok := false
		for stream, want := range whole {
			if contains(want, got) {
				ok = true
				found[stream] = true
			}
		}
		if !ok {
			t.Errorf("%s%s: its %d packets are not an unbroken piece of the programme", v.base, uri, len(got))
		}
	}
	if len(found) != len(whole) {
		t.Errorf("%s: only the streams %v were found", v.base, found)
	}
}

// contains reports whether part is an unbroken piece of whole.
func contains(whole, part []string) bool {
	return len(part) > 0 && strings.Contains(strings.Join(whole, " "), strings.Join(part, " "))
}

// checkSwitches reads from the origin's own log that every switch was seamless
// and that its slot was published within 50 ms of the deadline.
func checkSwitches(t *testing.T, o *origin, endpoint string, want int) {
	t.Helper()
	n, stood := 0, 0
	for _, e := range o.log.find("active input switched") {
		if e["endpoint"] != endpoint {
			continue
		}
		n++
		if e["seamless"] != true {
			t.Errorf("a switch was not seamless: %v", e)
		}
		published, deadline := logTime(t, e, "time"), logTime(t, e, "deadline")
		if still := machine.around(deadline); still > 500*time.Millisecond {
			// The encoder, too, may really have been late for its deadline.
			stood++
			t.Logf("the machine stood still for %s: a switch more is right", still)
		}
		late, allowed := published.Sub(deadline), 50*time.Millisecond+machine.around(deadline)
		t.Logf("%s: published %s after the deadline", endpoint, late)
		if late > allowed {
			t.Errorf("a slot was published %s after its deadline, %s are allowed: %v", late, allowed, e)
		}
	}
	if n < want || n > want+stood {
		t.Errorf("endpoint %s switched %d times, not %d", endpoint, n, want)
	}
}

func logTime(t *testing.T, entry map[string]any, field string) time.Time {
	t.Helper()
	switch v := entry[field].(type) {
	case float64:
		return time.UnixMicro(int64(v * 1e6))
	case string:
		at, err := time.Parse(time.RFC3339Nano, v)
		if err == nil {
			return at
		}
	}
	t.Fatalf("log entry has no time %q: %v", field, entry)
	return time.Time{}
}

// TestAllInputsButOneMayDie: of three encoders the active one is killed, and then
// the one that took over. Nothing is lost, and an endpoint with a delay shows every
// segment when it would have shown it anyway.
func TestAllInputsButOneMayDie(t *testing.T) {
	t.Parallel()
	const delay = 6 * time.Second
	source := startContribution(t)
	o := startOrigin(t, `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			input c /in/sports/c
			endpoint fast /fast/sports {
				segment_duration 2s
			}
			endpoint late /late/sports {
				segment_duration 2s
				time_delay 6s
			}
		}`)
	encoders := map[string]*encoder{}
	for _, input := range []string{"a", "b", "c"} {
		encoders[input] = source.startEncoder(o.url("/in/sports/" + input))
	}
	fast, late := watch(t, o, "/fast/sports"), watch(t, o, "/late/sports")
	late.wait(2)
	for range 2 {
		active := fast.lastInput()
		encoders[active].kill()
		delete(encoders, active)
		late.wait(6)
	}
	for _, v := range []*viewer{fast, late} {
		if now := v.lastInput(); encoders[now] == nil {
			t.Errorf("%s: input %s is dead, but still active", v.base, now)
		}
		v.finish()
		checkEveryPacket(t, v, source.recorded())
	}
	checkSwitches(t, o, "fast", 2)
	switches := 0
	for _, e := range o.log.find("active input switched") {
		if e["endpoint"] != "late" {
			continue
		}
		switches++
		first := late.one()
		slot := first.segments[uint64(e["msn"].(float64))-first.first]
		published, planned := logTime(t, e, "time"), slot.date.Add(slot.duration+delay)
		if by := published.Sub(planned); by > 50*time.Millisecond+machine.around(planned) || e["seamless"] != true {
			t.Errorf("the failover is visible, %s late: %v", by, e)
		}
	}
	// One that comes while another is behind the delay still makes a single one of two.
	if switches < 1 || switches > 2 {
		t.Errorf("the delayed endpoint switched %d times", switches)
	}
}

// TestAQuickRecoverySwitchesOnlyShortSegments: an encoder that stands still for
// 3 s makes the endpoint with 2 s segments switch, but not the one with 6 s.
func TestAQuickRecoverySwitchesOnlyShortSegments(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, twoEndpoints)
	a := source.startEncoder(o.url("/in/sports/a"))
	fast, slow := watch(t, o, "/fast/sports"), watch(t, o, "/live/sports")
	// Both endpoints have begun, on a.
	source.startEncoder(o.url("/in/sports/b"))
	fast.wait(4)
	// The next slot of the long endpoint is due in 5 s, that of the short one in
	// one and a half: it has run out of patience before the encoder is back.
	slow.wait(1)
	time.Sleep(300 * time.Millisecond)
	a.signal(syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	a.signal(syscall.SIGCONT)
	fast.wait(4)
	slow.wait(2)
	if now := fast.lastInput(); now != "b" {
		t.Errorf("the endpoint with short segments did not switch")
	}
	if now := slow.lastInput(); now != "a" {
		t.Errorf("the endpoint with long segments switched")
	}
	fast.finish()
	slow.finish()
	programme := source.recorded()
	checkEveryPacket(t, fast, programme)
	checkEveryPacket(t, slow, programme)
	checkSwitches(t, o, "fast", 1)
	checkSwitches(t, o, "hls", 0)
}
