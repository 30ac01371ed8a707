package media

import (
	"bytes"
	"fmt"
	"io"
	"strings"
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

// maxCueText bounds a text segment whose cue times are rewritten.
const maxCueText = 16 << 20

// ShiftCues reads WebVTT with the times of its cues moved by a number of ticks. A cue that
// would begin before 0 begins at 0. Text of more than 16 MiB is an error.
func ShiftCues(source io.Reader, ticks int64) io.Reader {
	text, err := io.ReadAll(io.LimitReader(source, maxCueText+1))
	if err != nil {
		return failed{fmt.Errorf("read text: %w", err)}
	}
	if len(text) > maxCueText {
		return failed{fmt.Errorf("text is larger than %d bytes", maxCueText)}
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString(shiftLine(string(line), ticks))
	}
	return &out
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// shiftLine moves the times of a line "start --> end settings"; any other stays.
func shiftLine(line string, ticks int64) string {
	from, rest, ok := strings.Cut(line, "-->")
	if !ok {
		return line
	}
	trimmed := strings.TrimLeft(rest, " \t")
	to, settings := trimmed, ""
	if i := strings.IndexAny(trimmed, " \t\r\n"); i >= 0 {
		to, settings = trimmed[:i], trimmed[i:]
	}
	start, ok := shiftTime(strings.TrimSpace(from), ticks)
	if !ok {
		return line
	}
	end, ok := shiftTime(to, ticks)
	if !ok {
		return line
	}
	return start + " --> " + end + settings
}

// shiftTime moves a time "[hh:]mm:ss.ttt".
func shiftTime(text string, ticks int64) (string, bool) {
	const millisecond = ClockRate / 1000
	at, ok := cueTime(text)
	total := max(at/millisecond+ticks/millisecond, 0)
	return fmt.Sprintf("%02d:%02d:%02d.%03d", total/3600000, total/60000%60, total/1000%60, total%1000), ok
}
