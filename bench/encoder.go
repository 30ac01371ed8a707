package main

import (
	"fmt"
	"strings"
	"time"
)

// encoder pushes a programme to one input as ffmpeg does: over one connection,
// segments and the playlist that lists the last five of them.
type encoder struct {
	client
	path string // of the input
	reel *reel
	// first is the number of the oldest segment since the last gap, next that of
	// the one to come.
	first, next int
}

// listed is how many segments an encoder's playlist has.
const listed = 5

func newEncoder(addr, path string, p *programme) *encoder {
	return &encoder{client: client{addr: addr}, path: path, reel: p.reel()}
}

func (e *encoder) name(n int) string { return fmt.Sprintf("seg%d.ts", n) }

// deliver uploads the next segment and returns its size.
func (e *encoder) deliver() (int, error) {
	body := e.reel.segment()
	e.next++
	return len(body), e.put(e.path+"/"+e.name(e.next-1), body)
}

// announce uploads the playlist that ends with segment last.
func (e *encoder) announce(last int) error {
	return e.put(e.path+"/live.m3u8", e.playlist(last))
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

// skip lets a segment pass undelivered, as an encoder that is dead.
func (e *encoder) skip() {
	e.reel.segment()
	e.next++
	e.first = e.next
}

// feed uploads n segments, each with its playlist.
func (e *encoder) feed(n int) error {
	for range n {
		if _, err := e.deliver(); err != nil {
			return err
		}
		if err := e.announce(e.next - 1); err != nil {
			return err
		}
	}
	return nil
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
