package failover

import (
	"math"
	"slices"
	"strings"
	"time"
)

// oracle says what the rule of docs/failover.md asks of an endpoint, slot by slot. It knows a history from its end:
// every segment that any input ever delivered, when that was and what was wrong with it. All encoders cut the
// programme at the same places, and say when it was; those with equal timestamps are locked.
type oracle struct {
	*programme
	length Ticks
	came   map[string]map[place]copyOf // by input
	known  map[string][]knowledge      // by input, what was known of it after each of its segments
	listed map[string][]Ticks          // by input
	events []time.Time                 // when something came, or had not come for three segments
}

// place is a segment of the programme.
type place struct {
	rendition string
	n         Ticks
}

// copyOf is what an input delivered for it.
type copyOf struct {
	at    time.Time
	run   int // start of the encoder
	holes int
}

// knowledge is the latest run of an input at a time, and the first segment that had come of it.
type knowledge struct {
	at    time.Time
	run   int
	first Ticks
	place place
}

func newOracle(p *programme, length Ticks) *oracle {
	k := &oracle{
		programme: p, length: length,
		came: map[string]map[place]copyOf{}, known: map[string][]knowledge{}, listed: map[string][]Ticks{},
	}
	for _, rec := range p.trace {
		if l := rec.Playlist; l != nil {
			k.listed[l.Input] = append(k.listed[l.Input], Ticks(l.Segments[len(l.Segments)-1].Number))
		}
		if o := rec.Object; o != nil && o.Media != nil {
			k.take(rec.Time, o)
		}
	}
	for input, list := range k.known {
		slices.SortStableFunc(list, func(a, b knowledge) int { return a.at.Compare(b.at) })
		now := knowledge{first: math.MaxInt64}
		for i, one := range list {
			switch {
			case one.run > now.run:
				now = one
			case one.run == now.run:
				now.first = min(now.first, one.first)
			}
			list[i].run, list[i].first = now.run, now.first
		}
		k.known[input] = list
	}
	slices.SortFunc(k.events, time.Time.Compare)
	return k
}

func (k *oracle) take(now time.Time, o *Object) {
	run := k.of[o.ID]
	r, _, _ := strings.Cut(o.Path, "/")
	at := place{r, k.segment(nearest(o.Media.Start-k.timestamps[run], 1<<33, 0) + TicksAt(epoch))}
	if k.came[o.Input] == nil {
		k.came[o.Input] = map[place]copyOf{}
	}
	if _, again := k.came[o.Input][at]; again {
		return // repeated to a process that was started again
	}
	k.came[o.Input][at] = copyOf{now, run, len(o.Media.Defects)}
	k.known[o.Input] = append(k.known[o.Input], knowledge{now, run, at.n, at})
	k.events = append(k.events, now, now.Add((downSegments * k.length).Duration()))
}

// segment is the number of the one that begins at a position of the channel's clock.
func (k *oracle) segment(at Ticks) Ticks { return (at - TicksAt(epoch) + k.length/2) / k.length }

// end is where the segments before this one end.
func (k *oracle) end(n Ticks) time.Time { return (TicksAt(epoch) + n*k.length).Time() }

// until lists what had come of an input.
func (k *oracle) until(input string, t time.Time) []knowledge {
	list := k.known[input]
	n, _ := slices.BinarySearchFunc(list, t.Add(1), func(one knowledge, t time.Time) int { return one.at.Compare(t) })
	return list[:n]
}

func (k *oracle) has(input string, at place, t time.Time) (copyOf, bool) {
	c, ok := k.came[input][at]
	return c, ok && !c.at.After(t)
}

// run is the latest one of an input.
func (k *oracle) run(input string, t time.Time) int {
	if list := k.until(input, t); len(list) > 0 {
		return list[len(list)-1].run
	}
	return 0
}

// up reports whether the input has delivered something within three of its segments.
func (k *oracle) up(input string, t time.Time) bool {
	list := k.until(input, t)
	return len(list) > 0 && t.Before(list[len(list)-1].at.Add((downSegments * k.length).Duration()))
}

// silent reports whether all inputs were down at some time since the input's last segment.
func (k *oracle) silent(input string, t time.Time) bool {
	list := k.until(input, t)
	return slices.ContainsFunc(k.events, func(e time.Time) bool {
		return !e.After(t) && !e.Before(list[len(list)-1].at) &&
			!slices.ContainsFunc(k.config.Inputs, func(in string) bool { return k.up(in, e) })
	})
}

// listedTo is the last segment that the input had listed when the run began whose first segment this is.
func (k *oracle) listedTo(input string, first Ticks) Ticks {
	last := Ticks(-1)
	for _, n := range k.listed[input] {
		if n < first {
			last = max(last, n)
		}
	}
	return last
}

// lateness is how late the input's segments usually are.
func (k *oracle) lateness(input string) time.Duration { return k.encoders[input].late }

// wholeFor is how much unbroken media the input has delivered, in all renditions; good media, if it is asked for.
func (k *oracle) wholeFor(input string, t time.Time, good bool) Ticks {
	least, edge := Ticks(math.MaxInt64), Ticks(0)
	lasts := map[string]Ticks{}
	for _, one := range k.until(input, t) {
		lasts[one.place.rendition] = max(lasts[one.place.rendition], one.place.n+1)
		edge = max(edge, one.place.n+1)
	}
	for _, r := range k.renditions {
		n, run := Ticks(0), 0
		for at := lasts[r] - 1; at >= 0 && edge-lasts[r] <= downSegments; at-- {
			c, ok := k.has(input, place{r, at}, t)
			if !ok || run != 0 && c.run != run || good && c.holes > 0 {
				break
			}
			run = c.run
			n++
		}
		least = min(least, n*k.length)
	}
	return least
}

// live reports whether any input has delivered the rendition within three slots of so many segments.
func (k *oracle) live(r string, from, n Ticks, t time.Time) bool {
	return slices.ContainsFunc(k.config.Inputs, func(input string) bool {
		for at := from - liveSlots*n; at < from+n; at++ {
			if _, ok := k.has(input, place{r, at}, t); ok {
				return true
			}
		}
		return slices.ContainsFunc(k.until(input, t), func(one knowledge) bool {
			return one.place.rendition == r && t.Sub(one.at) <= (liveSlots*n*k.length).Duration()
		})
	})
}

// compared reports whether both inputs have delivered the same stretch of each rendition: since they started, if
// it has shown that they did.
func (k *oracle) compared(s situation, one, other string, t time.Time) bool {
	a, b := k.run(one, t), k.run(other, t)
	for _, r := range k.renditions {
		found := false
		for at, c := range k.came[one] {
			o, ok := k.has(other, at, t)
			found = found || ok && at.rendition == r && !c.at.After(t) && k.timestamps[c.run] == k.timestamps[o.run] &&
				(s.unaware || c.run == a && o.run == b)
		}
		if !found {
			return false
		}
	}
	return k.timestamps[a] == k.timestamps[b]
}

// half reports whether what the input has from a segment on may be half of what it says: its EXTINF is longer, and too
// few of its segments have come to tell that this is always so.
func (k *oracle) half(input string, from Ticks, t time.Time) bool {
	if k.encoders[input].claims <= k.length {
		return false
	}
	return slices.ContainsFunc(k.renditions, func(r string) bool {
		known := 0
		for at := from - exactAmong; at < from; at++ {
			_, ok := k.has(input, place{r, at}, t)
			known += btoi(ok)
		}
		return known <= exactBefore
	})
}
