package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// NoCues is a WebVTT segment without cues.
const NoCues = "WEBVTT\n\n"

// CueShift is what has to be added to the cue times of the other segment, in ticks, so that
// they mean the same moment under this one's X-TIMESTAMP-MAP: joined WebVTT has only the
// map of its first part (RFC 8216, 3.5). It is 0 for anything but WebVTT.
func (i *Info) CueShift(other *Info) int64 {
	if i == other || i.Text == nil || other.Text == nil {
		return 0
	}
	return wrapDiff(other.Text.Offset(), i.Text.Offset())
}

// maxCueText bounds a text segment whose cue times are moved: it is in memory while a viewer gets it.
const maxCueText = 128 << 10

// ShiftCues describes the segment as a [CueShifter] reads it. Text of more than 128 KiB, some two thousand
// cues, is an error, and so is what an earlier version found out about text: it did not measure times.
func (i *Info) ShiftCues(ticks int64) (*Info, error) {
	if i.Size > maxCueText {
		return nil, fmt.Errorf("text of %d bytes, over %d: its cues can't be moved", i.Size, maxCueText)
	}
	if i.Text == nil || i.Text.Cues == 0 {
		return i, nil
	}
	if i.Text.TimesSize == 0 {
		return nil, errors.New("text that an earlier version has received: its cues can't be moved")
	}
	line := int64(2*timeSize(hourDigits(i.Text.LastCue, ticks)) + len(arrow))
	moved := *i
	moved.Size += int64(i.Text.Cues)*line - i.Text.TimesSize
	return &moved, nil
}

// CueShifter reads WebVTT, of which a [Prober] found that it is sound, with the times of its cues moved, from
// wherever one likes. A cue that would begin before 0 begins at 0. All hours have as many digits, so that it
// is known beforehand how long the text is; see [Info.ShiftCues].
type CueShifter struct {
	text func() ([]byte, error)
}

// NewCueShifter returns a reader of the first size bytes of the source, all of its text, with so many ticks
// added to cue times. The source is read with the first call of ReadAt.
func NewCueShifter(source io.ReaderAt, size, ticks int64) *CueShifter {
	return &CueShifter{text: sync.OnceValues(func() ([]byte, error) {
		if size > maxCueText {
			return nil, fmt.Errorf("text is larger than %d bytes", maxCueText)
		}
		text := make([]byte, size)
		if n, err := source.ReadAt(text, 0); n < len(text) {
			return nil, fmt.Errorf("read text: %w", err)
		}
		return shiftCues(text, ticks), nil
	})}
}

// ReadAt implements [io.ReaderAt].
func (s *CueShifter) ReadAt(b []byte, at int64) (int, error) {
	text, err := s.text()
	if err != nil {
		return 0, err
	}
	n, err := bytes.NewReader(text).ReadAt(b, at)
	return n, err
}

func shiftCues(text []byte, ticks int64) []byte {
	last := int64(0)
	eachCue(text, func(_ []byte, start, end int64, _ int) { last = max(last, start, end) })
	digits := hourDigits(last, ticks)
	out, at := make([]byte, 0, len(text)+len(text)/8), 0
	eachCue(text, func(line []byte, start, end int64, size int) {
		begins := cap(text) - cap(line)
		out = append(out, text[at:begins]...)
		out = appendTime(out, moved(start, ticks), digits)
		out = append(out, arrow...)
		out = appendTime(out, moved(end, ticks), digits)
		at = begins + size
	})
	return append(out, text[at:]...)
}

// eachCue calls yield for the lines that a textScanner finds cues in; size is that of the times.
func eachCue(text []byte, yield func(line []byte, start, end int64, size int)) {
	for n, rest := 1, text; len(rest) > 0; n++ {
		line := rest
		if i := bytes.IndexAny(rest, "\r\n"); i >= 0 {
			line = rest[:i]
		}
		if start, end, size, ok := cueTimes(string(line[:min(len(line), maxTextLine)])); ok && n > 1 {
			yield(line, start, end, size)
		}
		rest = rest[min(len(line)+1, len(rest)):]
	}
}

const (
	arrow       = " --> "
	millisecond = ClockRate / 1000
)

// moved is a cue time after the shift, in milliseconds.
func moved(at, ticks int64) int64 { return max(at/millisecond+ticks/millisecond, 0) }

// hourDigits is how many digits the hours of all times have, the last of which is given: at least two.
func hourDigits(last, ticks int64) int {
	return max(len(strconv.FormatInt(moved(last, ticks)/3600000, 10)), 2)
}

// timeSize is how long a time is.
func timeSize(hourDigits int) int { return hourDigits + len(":00:00.000") }

// appendTime writes "hh:mm:ss.ttt".
func appendTime(out []byte, milliseconds int64, hourDigits int) []byte {
	return fmt.Appendf(out, "%0*d:%02d:%02d.%03d", hourDigits, milliseconds/3600000, milliseconds/60000%60, milliseconds/1000%60, milliseconds%1000)
}
