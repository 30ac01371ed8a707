package main

import (
	"fmt"
	"strings"
	"time"
)

// encoder pushes a programme as ffmpeg does: over one connection, segments and the playlist
// that lists the last five of them. With many inputs it stands for as many encoders of
// other channels, which send the same and share the connection: as many as one connection
// can carry while each of them keeps real time.
type encoder struct {
	client
	inputs []string // their paths
	reel   *reel
	// first is the number of the oldest segment since the last gap, next that of the
	// upcoming one.
	first, next int
}

// listed is how many segments an encoder's playlist has.
const listed = 5

func newEncoder(addr string, p *programme, inputs ...string) *encoder {
	return &encoder{client: client{addr: addr}, inputs: inputs, reel: p.reel()}
}

func (e *encoder) name(n int) string { return fmt.Sprintf("seg%d.ts", n) }

// deliver uploads the next segment to every input, and the playlist that ends with it if
// the segment is to be announced. It returns how many bytes of media went out.
func (e *encoder) deliver(announced bool) (int, error) {
	body := e.reel.segment()
	e.next++
	for _, input := range e.inputs {
		if err := e.put(input+"/"+e.name(e.next-1), body); err != nil {
			return 0, err
		}
		if !announced {
			continue
		}
		if err := e.announce(input, e.next-1); err != nil {
			return 0, err
		}
	}
	return len(body) * len(e.inputs), nil
}

// announce uploads the playlist that ends with segment last.
func (e *encoder) announce(input string, last int) error {
	return e.put(input+"/live.m3u8", e.playlist(last))
}

func (e *encoder) playlist(last int) []byte {
	first := max(e.first, last-listed+1)
	seconds := e.reel.length.Seconds()
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:%.0f\n#EXT-X-MEDIA-SEQUENCE:%d\n", seconds, first)
	for n := first; n <= last; n++ {
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n%s\n", seconds, e.name(n))
	}
	return []byte(b.String())
}

// skip lets a segment pass undelivered, like a dead encoder.
func (e *encoder) skip() {
	e.reel.segment()
	e.next++
	e.first = e.next
}

// feed uploads n segments, each with its playlist.
func (e *encoder) feed(n int) error {
	for range n {
		if _, err := e.deliver(true); err != nil {
			return err
		}
	}
	return nil
}

// start sends a burst of n segments, as encoders do that have a backlog when they start,
// and then one in real time. That sets the channel's clock by the newest: what follows is
// published at once if it comes no faster than it plays.
func (e *encoder) start(n int) error {
	if err := e.feed(n); err != nil {
		return err
	}
	time.Sleep(e.reel.length)
	return e.feed(1)
}

// pace calls do once per period, n times, and keeps to the schedule.
func pace(period time.Duration, n int, do func(i int) error) error {
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * period)))
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}
