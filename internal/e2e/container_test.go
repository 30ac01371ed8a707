package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const oneEndpoint = `
		channel sports {
			input a /in/sports/a
			input b /in/sports/b
			endpoint fast /fast/sports {
				segment_duration 2s
				playlist_window 30s
			}
		}`

// TestFragmentedMP4LocksLikeTransportStreams: a pair that pushes fMP4, one track
// per rendition. The active encoder is killed: no picture is lost, no tag.
func TestFragmentedMP4LocksLikeTransportStreams(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, twoEndpoints)
	encoders, at := map[string]*encoder{}, source.nextBegin()
	for _, input := range []string{"a", "b"} {
		target := o.url("/in/sports/" + input)
		encoders[input] = source.startEncoderAt(at, target, fmp4Output(target)...)
	}
	fast, slow := watch(t, o, "/fast/sports"), watch(t, o, "/live/sports")
	fast.wait(5)
	active := fast.lastInput()
	encoders[active].kill()
	fast.wait(5)
	slow.wait(1)
	if now := fast.lastInput(); now == active {
		t.Errorf("input %s is still active", now)
	}
	fast.finish()
	slow.finish()
	programme := source.recorded()
	for _, v := range []*viewer{fast, slow} {
		checkEveryFrame(t, v, programme, 3)
	}
	checkSwitches(t, o, "fast", 1)
}

// checkEveryFrame compares what a viewer sees and hears with the programme.
func checkEveryFrame(t *testing.T, v *viewer, programme []byte, streams int) {
	t.Helper()
	whole := map[string][]string{}
	for _, stream := range []string{"v:0", "v:1", "a:0"} {
		whole[stream] = frames(t, programme, stream)
	}
	found := map[string]bool{}
	for uri, f := range v.renditions {
		if f.discontinuity > 0 || f.sections != 1 {
			t.Errorf("%s%s: %d discontinuities, %d initialization sections", v.base, uri, f.discontinuity, f.sections)
		}
		ok, n := false, 0
		for _, kind := range []string{"v:0", "a:0"} {
			if !bytes.Contains(f.bytes.Bytes(), map[string][]byte{"v:0": []byte("vide"), "a:0": []byte("soun")}[kind]) {
				continue
			}
			got := frames(t, f.bytes.Bytes(), kind)
			n += len(got)
			for stream, want := range whole {
				if stream[0] == kind[0] && contains(want, got) {
					ok, found[stream] = true, true
				}
			}
		}
		if !ok {
			t.Errorf("%s%s: its %d frames are not an unbroken piece of the programme", v.base, uri, n)
		}
	}
	if len(found) != streams {
		t.Errorf("%s: only the streams %v were found", v.base, found)
	}
}

// TestLongChunkedUploads: an encoder that writes DASH and HLS at once, with a PUT
// for every segment that lasts as long as the segment. Its dates are whole seconds.
func TestLongChunkedUploads(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, strings.Replace(oneEndpoint, "channel sports {", "channel sports {\n\t\t\talignment timestamp", 1))
	encoders, at := map[string]*encoder{}, source.nextBegin()
	for _, input := range []string{"a", "b"} {
		target := o.url("/in/sports/" + input)
		encoders[input] = source.startEncoderAt(at, target, dashOutput(target)...)
	}
	fast := watch(t, o, "/fast/sports")
	fast.wait(5)
	active := fast.lastInput()
	encoders[active].kill()
	fast.wait(5)
	fast.finish()
	if now := fast.lastInput(); now == active {
		t.Errorf("input %s is still active", now)
	}
	checkEveryFrame(t, fast, source.recorded(), 2)
}

// TestIndependentEncodersCostOneDiscontinuity: other key frames, other
// timestamps. A switch is marked once, at the same number in all renditions.
func TestIndependentEncodersCostOneDiscontinuity(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, twoEndpoints)
	a := startIndependent(t, o.url("/in/sports/a"), 50)
	fast, slow := watch(t, o, "/fast/sports"), watch(t, o, "/live/sports")
	time.Sleep(9 * time.Second)
	startIndependent(t, o.url("/in/sports/b"), 45)
	fast.wait(4)
	pulled := pull(t, o.url("/fast/sports/index.m3u8"))
	fast.wait(2)
	a.kill()
	fast.wait(5)
	slow.wait(1)
	pulled.stop()
	fast.finish()
	slow.finish()
	for _, v := range []*viewer{fast, slow} {
		for uri, f := range v.renditions {
			if f.discontinuity != 1 {
				t.Errorf("%s%s: %d discontinuities, not 1", v.base, uri, f.discontinuity)
			}
			checkDates(t, v.base+uri, f)
		}
	}
}

// checkDates: dates rise, and within a run they are as far apart as the segments
// are long. Across a discontinuity media is rather missing than doubled.
func checkDates(t *testing.T, name string, f *followed) {
	t.Helper()
	for i := 1; i < len(f.segments); i++ {
		before, now := f.segments[i-1], f.segments[i]
		drift := now.date.Sub(before.date) - before.duration
		switch {
		case now.discontinuity && (drift < -40*time.Millisecond || drift > 3*time.Second):
			t.Errorf("%s: %s passes at a discontinuity", name, drift)
		case !now.discontinuity && drift.Abs() > 40*time.Millisecond:
			t.Errorf("%s: dates are %s off their durations", name, drift)
		}
	}
}

// TestAnEncoderRestarts: alone, and with numbers, names and timestamps from zero.
func TestAnEncoderRestarts(t *testing.T) {
	t.Parallel()
	o := startOrigin(t, oneEndpoint)
	target := o.url("/in/sports/a")
	first := startIndependent(t, target, 50)
	fast := watch(t, o, "/fast/sports")
	fast.wait(4)
	first.kill()
	startIndependent(t, target, 50)
	fast.wait(5)
	fast.finish()
	for uri, f := range fast.renditions {
		if f.discontinuity != 1 {
			t.Errorf("%s: %d discontinuities, not 1", uri, f.discontinuity)
		}
		checkDates(t, uri, f)
	}
}
