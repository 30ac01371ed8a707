package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// muxedOutput pushes picture and sound in one transport stream, without encoding anew.
func muxedOutput(target string) []string {
	return []string{
		"-map", "0:v:0", "-map", "0:a:0", "-c", "copy",
		"-f", "hls", "-method", "PUT", "-hls_time", fmt.Sprint(segmentSeconds), "-hls_list_size", "6",
		"-hls_segment_filename", target + "/seg%d.ts", target + "/live.m3u8",
	}
}

// damage is what happens to the segments of an input on their way.
type damage func(segment []byte) []byte

// TestBadMediaIsLeft: the segments of the active encoder arrive, whole in form, and what is
// in them is not: packets are missing, frames, all of the sound. The other encoder of the
// locked pair takes over with that very slot, and viewers get the whole programme. When it
// is over, nobody speaks of it any more.
func TestBadMediaIsLeft(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, oneEndpoint)
	at := source.nextBegin()
	harm := map[string]*atomic.Pointer[damage]{}
	for _, input := range []string{"a", "b"} {
		now := &atomic.Pointer[damage]{}
		harm[input] = now
		target := newLink(t, o, func(_ string, _ int, body []byte) []byte {
			if d := now.Load(); d != nil {
				return (*d)(body)
			}
			return body
		}).URL + "/in/sports/" + input
		source.startEncoderAt(at, target, muxedOutput(target)...)
	}
	fast := watch(t, o, "/fast/sports")
	fast.wait(4)
	for _, stage := range []struct {
		defect string
		damage damage
	}{
		{"damaged", losePackets},
		{"hole", cutFrames},
		{"track_gone", dropSound},
	} {
		active := fast.lastInput()
		harm[active].Store(&stage.damage)
		fast.wait(4)
		harm[active].Store(nil)
		if now := fast.lastInput(); now == active {
			t.Errorf("%s: input %s is still active", stage.defect, now)
		}
		switches := o.log.find("active input switched")
		if last := switches[len(switches)-1]; last["reason"] != stage.defect || last["seamless"] != true {
			t.Errorf("%s: the last switch was %v", stage.defect, last)
		}
		fast.wait(3)
	}
	fast.finish()
	f, programme := fast.one(), source.recorded()
	for _, stream := range []string{"v:0", "a:0"} {
		if !contains(packets(t, programme, stream), packets(t, f.bytes.Bytes(), stream)) {
			t.Errorf("the packets of %s are not an unbroken piece of the programme", stream)
		}
	}
	if f.discontinuity > 0 {
		t.Errorf("%d discontinuities", f.discontinuity)
	}
	var told []string
	quiet := time.Time{}
	for _, e := range o.log.find("media degraded") {
		told = append(told, fmt.Sprint(e["input"], ": ", e["defects"], ": ", e["detail"]))
		quiet = logTime(t, e, "ts")
	}
	t.Logf("told: %s", strings.Join(told, "; "))
	if since := time.Since(quiet); since < 2*time.Second {
		t.Errorf("something is still degraded, %s ago: %v", since, told)
	}
}

const packet = 188

func pid(p []byte) int { return int(p[1]&0x1f)<<8 | int(p[2]) }

// kinds finds the PIDs of picture and sound by their PES headers (ISO/IEC 13818-1, 2.4.3.7).
func kinds(segment []byte) (video, audio int) {
	for p := segment; len(p) >= packet; p = p[packet:] {
		at := 4
		if p[3]&0x20 != 0 {
			at += 1 + int(p[4])
		}
		if p[1]&0x40 == 0 || at+4 > packet || p[at] != 0 || p[at+1] != 0 || p[at+2] != 1 {
			continue
		}
		switch p[at+3] & 0xf0 {
		case 0xe0:
			video = pid(p)
		case 0xc0, 0xd0:
			audio = pid(p)
		}
	}
	return video, audio
}

// keep copies the packets that are wanted. frame counts the PES packets of a PID.
func keep(segment []byte, renumber bool, want func(pid, frame, n int) bool) []byte {
	var out []byte
	frames, numbers, counter := map[int]int{}, map[int]int{}, map[int]byte{}
	for p := segment; len(p) >= packet; p = p[packet:] {
		id := pid(p)
		if p[1]&0x40 != 0 {
			frames[id]++
		}
		numbers[id]++
		if !want(id, frames[id], numbers[id]) {
			continue
		}
		q := append([]byte(nil), p[:packet]...)
		if renumber && q[3]&0x10 != 0 {
			if _, begun := counter[id]; !begun {
				counter[id] = q[3] & 0x0f
			}
			q[3] = q[3]&0xf0 | counter[id]
			counter[id] = (counter[id] + 1) & 0x0f
		}
		out = append(out, q...)
	}
	return out
}

// losePackets loses packets of the picture on the way.
func losePackets(segment []byte) []byte {
	video, _ := kinds(segment)
	return keep(segment, false, func(id, _, n int) bool { return id != video || n < 40 || n > 44 })
}

// cutFrames cuts ten pictures out, as an encoder does whose source stumbled.
func cutFrames(segment []byte) []byte {
	video, _ := kinds(segment)
	return keep(segment, true, func(id, frame, _ int) bool { return id != video || frame < 20 || frame >= 30 })
}

// dropSound leaves the tables as they are and drops all sound.
func dropSound(segment []byte) []byte {
	_, audio := kinds(segment)
	return keep(segment, true, func(id, _, _ int) bool { return id != audio })
}
