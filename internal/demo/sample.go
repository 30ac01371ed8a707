// Package demo has two built-in encoders for trying out the origin without any
// other program. They push a small embedded sample over and over, with timestamps
// that count from the Unix epoch, and can be made to misbehave.
package demo

import (
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"
)

//go:generate sh sample.sh

// sampleBytes is a minute of MPEG-TS, cut into segments of SegmentDuration that
// begin with a key frame.
//
//go:embed sample.ts
var sampleBytes []byte

// SegmentDuration is the length of all segments.
const SegmentDuration = 2 * time.Second

// segmentTicks is SegmentDuration as timestamps count it.
const segmentTicks = int64(SegmentDuration/time.Second) * clockRate

// sample is the embedded programme, prepared to be repeated for ever.
type sample struct {
	segments []sampleSegment
	// payloads is how many packets with a payload each PID has in the sample: its
	// continuity counters advance by that much with each repetition.
	payloads map[uint16]int64
	// start is the timestamp of the first picture.
	start int64
	// video is the PID of the pictures.
	video uint16
}

type sampleSegment struct {
	bytes []byte
	// picture is the timestamp of the first one.
	picture int64
	// timestamps and clocks say where PTS and DTS, and where clock references are.
	timestamps, clocks []int
	// stills are the access units of its pictures when the first one is frozen.
	stills [][]byte
}

var loadSample = sync.OnceValues(func() (*sample, error) { return parseSample(sampleBytes) })

// segment returns segment n of a programme that began at the Unix epoch, so that it holds
// the media from n to n+1 times SegmentDuration after it. Everyone who asks for it gets the
// same bytes.
func (s *sample) segment(n int64) []byte {
	count := int64(len(s.segments))
	from := s.segments[n%count]
	b := append([]byte(nil), from.bytes...)
	shift := (n-n%count)*segmentTicks - s.start
	for _, at := range from.timestamps {
		putTimestamp(b[at:], timestamp(b[at:])+shift)
	}
	for _, at := range from.clocks {
		putClock(b[at:], clock(b[at:])+shift)
	}
	round := n / count
	for at := 0; at < len(b); at += packetSize {
		p := packet(b[at:])
		p.setCounter(int64(p[3]) + round*s.payloads[p.pid()])
	}
	return b
}

// parseSample finds what has to be changed in each repetition.
func parseSample(b []byte) (*sample, error) {
	if len(b) == 0 || len(b)%packetSize != 0 {
		return nil, errors.New("sample: not whole packets")
	}
	s := &sample{payloads: map[uint16]int64{}}
	for tables := false; len(b) > 0; b = b[packetSize:] {
		p := packet(b[:packetSize])
		if p[0] != 0x47 {
			return nil, fmt.Errorf("sample: no packet at %d bytes before the end", len(b))
		}
		// Tables are at the beginning of a segment, and only there.
		if !p.isMedia() && !tables {
			s.segments = append(s.segments, sampleSegment{picture: -1})
		}
		tables = !p.isMedia()
		if len(s.segments) == 0 {
			return nil, errors.New("sample: does not begin with tables")
		}
		if err := s.add(&s.segments[len(s.segments)-1], p); err != nil {
			return nil, fmt.Errorf("sample: segment %d: %w", len(s.segments)-1, err)
		}
	}
	s.start = s.segments[0].picture
	for i := range s.segments {
		seg := &s.segments[i]
		if want := s.start + int64(i)*segmentTicks; seg.picture < 0 || seg.picture != want {
			return nil, fmt.Errorf("sample: segment %d begins at %d, want %d", i, seg.picture, want)
		}
		if err := s.addStills(seg); err != nil {
			return nil, fmt.Errorf("sample: segment %d: %w", i, err)
		}
	}
	return s, nil
}

// add adds the next packet to a segment, with continuity counters from zero on.
func (s *sample) add(seg *sampleSegment, p packet) error {
	at := len(seg.bytes)
	seg.bytes = append(seg.bytes, p...)
	payload := p.payloadAt()
	if p.hasClock() {
		seg.clocks = append(seg.clocks, at+6)
	}
	count := s.payloads[p.pid()]
	if !p.hasPayload() { // repeats the counter of the packet before
		packet(seg.bytes[at:]).setCounter(count - 1)
		return nil
	}
	packet(seg.bytes[at:]).setCounter(count)
	s.payloads[p.pid()]++
	if !p.startsUnit() || !p.isMedia() {
		return nil
	}
	if payload > packetSize-19 {
		return errors.New("a PES header is cut")
	}
	// A PES header (ISO/IEC 13818-1, 2.4.3.6): the kind of stream, which timestamps
	// it has, and these, 5 bytes each.
	isVideo, has := p[payload+3]>>4 == 0xe, p[payload+7]>>6
	if isVideo && seg.picture < 0 {
		s.video = p.pid()
		seg.picture = timestamp(p[payload+9:])
	}
	if has >= 2 {
		seg.timestamps = append(seg.timestamps, at+payload+9)
	}
	if has == 3 {
		seg.timestamps = append(seg.timestamps, at+payload+14)
	}
	return nil
}
