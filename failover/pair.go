package failover

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// PairState says whether one input can stand in for another.
type PairState string

const (
	// Locked: same boundaries, timestamps, track layout and codec
	// configuration. A switch is seamless.
	Locked PairState = "locked"
	// Aligned: it is known which media of one is that of the other, but a
	// switch needs a discontinuity.
	Aligned PairState = "aligned"
	// Unaligned: nothing but the time of arrival relates the two.
	Unaligned PairState = "unaligned"
)

// pair is the relation of two inputs, kept up to date while nothing is wrong.
type pair struct {
	channel *Channel
	a, b    *input
	state   PairState
	detail  string
	offset  Ticks
	// ga and gb are the generations being compared, apart is how much later b's media came
	// than a's when that began, drift what has been added since.
	ga, gb       *generation
	compared     map[string]comparison // by rendition, of ga and gb
	steady       bool
	apart, drift Ticks
	reported     Ticks
}

// comparison is what the last segments of a rendition have shown.
type comparison struct {
	segments   int
	difference string
}

// compare updates the state after a segment of the rendition, and reports a change.
func (p *pair) compare(now time.Time, path string) {
	p.follow()
	ra, rb := p.a.rendition(path), p.b.rendition(path)
	if ra != nil && rb != nil && p.ga != nil && p.gb != nil && p.ga.sameClock(p.gb) {
		n, difference := compareRenditions(ra, rb)
		p.compared[path] = comparison{n, difference}
	}
	state, detail, offset, known := p.examine()
	if !known {
		return
	}
	p.offset = offset
	if state == p.state && sameButNumbers(detail, p.detail) && abs(p.drift-p.reported) < driftStep {
		p.detail = detail // by how much, at this moment
		return
	}
	p.state, p.detail, p.reported = state, detail, p.drift
	p.channel.emit(PairChanged{
		Time: now, A: p.a.name, B: p.b.name, State: state, Detail: detail, Offset: offset, Drift: p.drift,
	})
}

// sameButNumbers reports whether two texts say the same, apart from how much it is.
func sameButNumbers(a, b string) bool {
	words := func(r rune) rune {
		if unicode.IsDigit(r) || r == '-' {
			return -1
		}
		return r
	}
	return a == b || strings.Map(words, a) == strings.Map(words, b)
}

// follow measures how the arrival of the two inputs drifts apart.
func (p *pair) follow() {
	a, b := p.a.latest, p.b.latest
	if p.ga != a || p.gb != b {
		p.ga, p.gb, p.compared = a, b, map[string]comparison{}
		p.steady, p.drift, p.reported = false, 0, 0
	}
	if a == nil || b == nil || !a.steady() || !b.steady() {
		return
	}
	apart := b.lateness() - a.lateness()
	if !p.steady {
		p.steady, p.apart = true, apart
	}
	p.drift = apart - p.apart
}

// examine finds the state of the two. known is false as long as there is nothing to compare.
func (p *pair) examine() (state PairState, detail string, offset Ticks, known bool) {
	a, b := p.ga, p.gb
	if a == nil || b == nil {
		return Unaligned, "", 0, false
	}
	offset = b.offset - a.offset
	for _, in := range []*input{p.a, p.b} {
		if TicksAt(p.channel.now) < in.contested {
			return Unaligned, "two encoders write to input " + in.name, offset, true // each of them in turn
		}
	}
	if !a.sameClock(b) {
		// The one that was put on the clock later was aligned to the other.
		basis := b.basis
		if b.aligned < a.aligned {
			basis = a.basis
		}
		state := Aligned
		if basis == AlignArrival {
			state = Unaligned
		}
		return state, p.apartBy(basis), offset, true
	}
	compared, common := 0, 0
	for _, announced := range p.a.serves() {
		if p.b.rendition(announced.Path) == nil || p.a.rendition(announced.Path) == nil {
			continue
		}
		common++
		c := p.compared[announced.Path]
		if c.difference != "" {
			return Aligned, announced.Path + ": " + c.difference, 0, true
		}
		compared += min(c.segments, 1)
	}
	if common == 0 && p.a.wholeFor() >= 3*p.a.length() && p.b.wholeFor() >= 3*p.b.length() {
		return Unaligned, "no rendition in common, " + p.onlyOne(), 0, true
	}
	if compared == 0 {
		return Unaligned, "", 0, false
	}
	return Locked, p.onlyOne(), 0, true
}

// apartBy says why the two are not on one clock, and what relates them instead. Of timestamps it tells only
// where they are asked.
func (p *pair) apartBy(basis Basis) string {
	how, asked := "timestamps differ", p.channel.config.Alignment
	switch {
	case p.ga.contradicts(p.gb) || p.gb.contradicts(p.ga):
		how = "timestamps agree by coincidence, as they count from an encoder's start and dates differ"
	case !p.channel.wants(AlignTimestamp) && (basis != AlignArrival || asked == AlignArrival):
		return fmt.Sprintf("aligned by %s", basis)
	case basis == AlignArrival && asked != AlignAuto && asked != "":
		return fmt.Sprintf("alignment %s does not relate them", asked)
	}
	if basis == AlignArrival {
		return how + ", and there is no date or number to relate them"
	}
	return fmt.Sprintf("%s; aligned by %s", how, basis)
}

// seen reports whether the two were compared at all: right after a restart they may not have been.
func (p *pair) seen() bool { return p.state != Unaligned || p.detail != "" }

// proven reports whether the two are locked in what they deliver now. After a restart that is known once
// media of the new generation was compared.
func (p *pair) proven() bool {
	state, _, _, known := p.examine()
	return known && state == Locked && p.ga == p.a.latest && p.gb == p.b.latest
}

// onlyOne names a rendition that only one of the two delivers. For inputs without a
// multivariant playlist that is known only after a while.
func (p *pair) onlyOne() string {
	for _, in := range []*input{p.a, p.b} {
		if in.announced == nil && in.wholeFor() < 3*in.length() {
			return ""
		}
	}
	for _, one := range []struct{ in, other *input }{{p.a, p.b}, {p.b, p.a}} {
		for _, announced := range one.in.serves() {
			found := false
			for _, o := range one.other.serves() {
				found = found || o.Path == announced.Path
			}
			if !found {
				return fmt.Sprintf("%s: only at input %s", announced.Path, one.in.name)
			}
		}
	}
	return ""
}

// compareRenditions compares the last segments of two renditions on the same
// clock. It returns how many were compared and what differs.
func compareRenditions(ra, rb *rendition) (int, string) {
	n := 0
	for i := len(rb.segments) - 1; i >= max(0, len(rb.segments)-history) && n < compareDepth; i-- {
		s := rb.segments[i]
		if s.state != sound || s.generation != rb.input.latest || s.short {
			continue
		}
		o := overlapping(ra, s)
		if o == nil || o.short {
			continue
		}
		slack := max(s.slack(), o.slack())
		if o.media.Signature != s.media.Signature {
			return n, "codec configuration, track layout or edit list differs"
		}
		if d := s.channelStart() - o.channelStart(); abs(d) > slack {
			return n, fmt.Sprintf("segment boundaries differ by %.3f s", d.Seconds())
		}
		if d := s.channelEnd() - o.channelEnd(); abs(d) > slack {
			return n, fmt.Sprintf("segment boundaries differ by %.3f s", d.Seconds())
		}
		n++
	}
	return n, ""
}

// overlapping finds the sound segment of the rendition that holds the middle of
// s on the channel's clock.
func overlapping(r *rendition, s *segment) *segment {
	middle := s.channelMiddle()
	for _, o := range r.behind(middle) {
		if !o.placed {
			continue
		}
		if o.channelStart() > middle+longestSegment {
			return nil
		}
		if o.state == sound && o.generation == r.input.latest && o.channelStart() <= middle && middle < o.channelEnd() {
			return o
		}
		if o.channelStart() > middle && o.state == sound {
			return nil
		}
	}
	return nil
}
