package media

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
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

// maxCueText bounds a text segment whose cue times are rewritten: a channel has to wait for it.
const maxCueText = 128 << 10

// ShiftCues reads WebVTT with the times of its cues moved by a number of ticks. A cue that
// would begin before 0 begins at 0. Text of more than 128 KiB, some two thousand cues, is an error.
func ShiftCues(source io.Reader, ticks int64) io.Reader {
	text, err := io.ReadAll(io.LimitReader(source, maxCueText+1))
	if err != nil {
		return failed{fmt.Errorf("read text: %w", err)}
	}
	if len(text) > maxCueText {
		return failed{fmt.Errorf("text is larger than %d bytes", maxCueText)}
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for line := range bytes.Lines(text) {
		out = appendShifted(out, line, ticks)
	}
	return bytes.NewReader(out)
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

var arrow = []byte("-->")

// appendShifted moves the times of a line "start --> end settings"; any other stays.
func appendShifted(out, line []byte, ticks int64) []byte {
	from, rest, ok := bytes.Cut(line, arrow)
	if !ok {
		return append(out, line...)
	}
	to, settings := bytes.TrimLeft(rest, " \t"), []byte(nil)
	if i := bytes.IndexAny(to, " \t\r\n"); i >= 0 {
		to, settings = to[:i], to[i:]
	}
	start, isTime := shiftTime(string(bytes.TrimSpace(from)), ticks)
	end, alsoTime := shiftTime(string(to), ticks)
	if !isTime || !alsoTime {
		return append(out, line...)
	}
	out = append(appendTime(out, start), " --> "...)
	return append(appendTime(out, end), settings...)
}

// shiftTime moves a time "[hh:]mm:ss.ttt". It is in milliseconds.
func shiftTime(text string, ticks int64) (moved int64, ok bool) {
	const millisecond = ClockRate / 1000
	at, ok := cueTime(text)
	return max(at/millisecond+ticks/millisecond, 0), ok
}

// appendTime writes "hh:mm:ss.ttt".
func appendTime(out []byte, milliseconds int64) []byte {
	digits := func(n int64, width int) {
		for unit := int64(10); width > 1; width-- {
			if n < unit {
				out = append(out, '0')
			}
			unit *= 10
		}
		out = strconv.AppendInt(out, n, 10)
	}
	digits(milliseconds/3600000, 2)
	out = append(out, ':')
	digits(milliseconds/60000%60, 2)
	out = append(out, ':')
	digits(milliseconds/1000%60, 2)
	out = append(out, '.')
	digits(milliseconds%1000, 3)
	return out
}
