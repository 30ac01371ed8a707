package output

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

const dateRangeTag = "#EXT-X-DATERANGE:"

// dateRange is an EXT-X-DATERANGE (RFC 8216 4.3.2.7) and where it came from. It never changes.
type dateRange struct {
	id, line, class string
	attributes      []hls.Attribute
	input           string
	msn             uint64
	start           time.Time
	end             time.Time // zero if it has none yet
	endOnNext       bool
	dated           failover.Ticks // how far its dates are ahead of the channel's clock
}

// maxRanges bounds how many date ranges without an end are carried along.
const maxRanges = 64

// dated reports whether the slot has date ranges.
func (s *Slot) dated() bool {
	return slices.ContainsFunc(s.Tags, func(line string) bool { return strings.HasPrefix(line, dateRangeTag) })
}

// ranges are the date ranges of an endpoint.
type ranges struct {
	// told are those that a playlist may list, or has to list as they are still running.
	told []*dateRange
	// running are those that go on after the newest slot. Slots share it: it is replaced, never
	// changed.
	running []*dateRange
}

// follow records a slot's date ranges.
func (g *ranges) follow(s *Slot) {
	for _, line := range s.Tags {
		if r := parseDateRange(line, s); r != nil {
			g.told = remember(g.told, r)
		}
	}
	g.running = runningAfter(g.running, s)
	s.running = g.running
}

// prune drops what a playlist that begins with head does not list any more.
func (g *ranges) prune(head *Slot) {
	g.told = slices.DeleteFunc(g.told, func(r *dateRange) bool { return r.msn < head.MSN && !r.covers(head) })
}

// agree makes a line agree with what viewers have been told about the same range: where two
// tags have the same ID, attributes of the same name must have the same value (RFC 8216
// 4.3.2.7.1), and encoders that announce the same event each write what they think of it. The
// first value stays. It returns the empty string if nothing is left to be said. What one
// encoder says about itself is its own affair, unless it says the same again with another
// date, as after a restart.
func (g *ranges) agree(line, input string, moment time.Duration) string {
	r := parseDateRange(line, &Slot{Input: input})
	if r == nil {
		return line
	}
	known := find(g.told, r.id)
	if known == nil {
		return line
	}
	if apart := r.start.Sub(known.start).Abs(); known.input == input && (r.start.IsZero() || apart == 0 || apart >= moment) {
		return line
	}
	news := false
	for i, a := range r.attributes {
		if first := attribute(known.attributes, a.Name); first != nil {
			r.attributes[i] = *first
			continue
		}
		news = true
	}
	if !news {
		return ""
	}
	return formatDateRange(r.attributes)
}

// runningAfter are the ranges that go on after a slot, given those after the one before. It
// changes neither.
func runningAfter(before []*dateRange, s *Slot) []*dateRange {
	if !s.dated() {
		return before
	}
	after := make([]*dateRange, 0, len(before)+1)
	for _, r := range before {
		if r.covers(s) {
			after = append(after, r)
		}
	}
	for _, line := range s.Tags {
		if r := parseDateRange(line, s); r != nil {
			after = remember(after, r)
		}
	}
	return after
}

// remember adds a range to the list. It takes the place of one with the same ID, with what
// that one said besides (RFC 8216 4.3.2.7.1), and ends those that end with the next one of
// their class.
func remember(list []*dateRange, r *dateRange) []*dateRange {
	if known := find(list, r.id); known != nil {
		r = r.after(known)
		list = slices.DeleteFunc(list, func(o *dateRange) bool { return o == known })
	}
	for i, o := range list {
		switch {
		case o.class != r.class:
		case o.endOnNext && o.end.IsZero() && o.start.Before(r.start):
			ended := *o
			ended.end = r.start
			list[i] = &ended
		case r.endOnNext && (r.end.IsZero() || o.start.Before(r.end)) && r.start.Before(o.start):
			r.end = o.start // they were not told in order
		}
	}
	list = append(list, r)
	if len(list) > maxRanges {
		list = slices.Delete(list, 0, 1)
	}
	return list
}

// after is the range with what an earlier tag with the same ID said, if it is about the same
// range.
func (r *dateRange) after(known *dateRange) *dateRange {
	if !r.start.IsZero() && !r.start.Equal(known.start) {
		return r
	}
	all := slices.Clone(known.attributes)
	for _, a := range r.attributes {
		if first := attribute(all, a.Name); first != nil {
			*first = a
		} else {
			all = append(all, a)
		}
	}
	both := &dateRange{line: formatDateRange(all), attributes: all, input: known.input, msn: r.msn, dated: known.dated}
	both.read()
	return both
}

func find(list []*dateRange, id string) *dateRange {
	for _, r := range list {
		if r.id == id {
			return r
		}
	}
	return nil
}

func attribute(list []hls.Attribute, name string) *hls.Attribute {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func formatDateRange(attributes []hls.Attribute) string {
	var b strings.Builder
	b.WriteString(dateRangeTag)
	for i, a := range attributes {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(a.Name + "=")
		if a.Quoted {
			b.WriteString(`"` + a.Value + `"`)
		} else {
			b.WriteString(a.Value)
		}
	}
	return b.String()
}

// parseDateRange reads a line of the slot; nil if it is none.
func parseDateRange(line string, s *Slot) *dateRange {
	text, ok := strings.CutPrefix(line, dateRangeTag)
	if !ok {
		return nil
	}
	attributes, err := hls.ParseAttributes(text)
	if err != nil {
		return nil
	}
	r := &dateRange{line: line, attributes: attributes, input: s.Input, msn: s.MSN, dated: s.Dated}
	r.read()
	if r.id == "" {
		return nil
	}
	return r
}

// read finds out how long the range lasts.
func (r *dateRange) read() {
	var length, planned time.Duration
	measured, expected := false, false
	for _, a := range r.attributes {
		switch a.Name {
		case "ID":
			r.id = a.Value
		case "CLASS":
			r.class = a.Value
		case "START-DATE":
			r.start, _ = hls.ParseDateTime(a.Value)
		case "END-DATE":
			r.end, _ = hls.ParseDateTime(a.Value)
		case "DURATION":
			length, measured = rangeLength(a.Value)
		case "PLANNED-DURATION":
			planned, expected = rangeLength(a.Value)
		case "END-ON-NEXT":
			r.endOnNext = a.Value == "YES"
		}
	}
	switch {
	case !r.end.IsZero() || r.start.IsZero():
	case measured:
		r.end = r.start.Add(length)
	case expected:
		r.end = r.start.Add(planned)
	}
}

// rangeLength reads a length in seconds, which may be 0.
func rangeLength(text string) (length time.Duration, ok bool) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= math.MaxInt32) {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// covers reports whether the range lasts into the slot, or beyond its beginning, on the channel's clock.
func (r *dateRange) covers(s *Slot) bool {
	return r.end.IsZero() || r.end.After((s.begins() + r.dated).Time())
}

// runningAt lists the date ranges whose slot is not in a playlist that begins with head, but
// that still cover what it lists: until then they must not be removed (RFC 8216bis 6.2.1).
// dated are the slots with date ranges; those from before the window count as well.
func runningAt(dated []*Slot, head *Slot) []string {
	i := sort.Search(len(dated), func(i int) bool { return dated[i].MSN >= head.MSN })
	if i == 0 {
		return nil
	}
	return linesAt(dated[i-1].running, head)
}

func linesAt(running []*dateRange, head *Slot) []string {
	var lines []string
	for _, r := range running {
		if r.covers(head) {
			lines = append(lines, r.line)
		}
	}
	return lines
}
