package main

import (
	"slices"
	"testing"
	"time"
)

// testTimeline has segments of two packets: one that begins a frame, one that goes on.
func testTimeline(t *testing.T, base int64) timeline {
	t.Helper()
	p := &programme{length: 2 * time.Second}
	counter := byte(0)
	for i := range int64(4) {
		var data []byte
		for n := range 2 + int(i) {
			packet := make([]byte, packetSize)
			packet[0], packet[1], packet[2], packet[3] = 0x47, 0x01, 0x00, 0x10|counter
			counter = (counter + 1) & 0xf
			if n == 0 {
				packet[1] |= 0x40
				stamp := i * 2 * clockRate
				copy(packet[4:], []byte{
					0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5,
					0x21 | byte(stamp>>30&7)<<1, byte(stamp >> 22), byte(stamp>>15)<<1 | 1, byte(stamp >> 7), byte(stamp)<<1 | 1,
				})
			}
			packet[100] = byte(n)
			data = append(data, packet...)
		}
		if err := p.add(data); err != nil {
			t.Fatal(err)
		}
	}
	return timeline{p, base}
}

func TestIdentify(t *testing.T) {
	for name, base := range map[string]int64{"from the start": 0, "timestamps start over": clockMask - 11*2*clockRate} {
		t.Run(name, func(t *testing.T) {
			line := testTimeline(t, base)
			var output []byte
			for k := 9; k < 15; k++ {
				output = append(output, line.piece(k, 5, nil)...)
			}
			pieces, err := line.identify(output)
			if err != nil || !slices.Equal(pieces, []int{9, 10, 11, 12, 13, 14}) {
				t.Fatal(pieces, err)
			}
			if jumps := (continuity{}).follow(output); jumps != 0 {
				t.Fatalf("%d jumps of the counters", jumps)
			}
		})
	}
}

func TestIdentifyNotices(t *testing.T) {
	line := testTimeline(t, clockRate)
	output := append(line.piece(3, 0, nil), line.piece(4, 0, nil)...)
	for name, data := range map[string][]byte{
		"a changed byte":     changed(output, packetSize+50),
		"half a piece":       output[:len(output)-packetSize],
		"a torn packet":      output[:len(output)-50],
		"another timestamp":  line.shifted(output, 90),
		"media of nobody":    make([]byte, packetSize),
		"a piece without it": output[packetSize:],
	} {
		t.Run(name, func(t *testing.T) {
			if pieces, err := line.identify(data); err == nil {
				t.Fatalf("taken for %v", pieces)
			}
		})
	}
}

func (t timeline) shifted(data []byte, ticks int64) []byte {
	s, _ := scan(slices.Clone(data))
	s.shift(ticks, &[nullPID + 1]byte{})
	return s.data
}

func changed(data []byte, at int) []byte {
	data = slices.Clone(data)
	data[at]++
	return data
}

func TestCountersJump(t *testing.T) {
	line := testTimeline(t, 0)
	output := append(line.piece(3, 0, nil), line.piece(4, 1, nil)...)
	if jumps := (continuity{}).follow(output); jumps != 1 {
		t.Fatalf("%d jumps of the counters", jumps)
	}
}
