package main

import (
	"math/rand/v2"
	"time"
)

// faultKind says what an encoder does wrong for a while.
type faultKind string

const (
	// faultDeath: nothing is sent; what comes later has the numbers that it would have had.
	faultDeath faultKind = "an encoder dies"
	// faultRestart: nothing is sent, and then a run begins that counts from 0, under other
	// names or, as ffmpeg does, under those that the first one used.
	faultRestart     faultKind = "an encoder restarts"
	faultRestartSame faultKind = "an encoder restarts under the same names"
	// faultLag: everything comes late, and then the rest in a burst.
	faultLag faultKind = "an encoder lags"
	// faultNoise, faultCut, faultTorn: what is sent as a segment is random bytes, half of the
	// packets, or ends within one. faultBroken: the upload ends before its length.
	faultNoise  faultKind = "an encoder sends noise"
	faultCut    faultKind = "an encoder sends half of the packets"
	faultTorn   faultKind = "an encoder sends a torn packet"
	faultBroken faultKind = "an encoder breaks uploads off"
	// faultScribble: what is sent as a playlist is random bytes.
	faultScribble faultKind = "an encoder sends broken playlists"
	// faultRename: segments get other names and another folder in the middle of a run.
	// faultRendition: the playlist has another name for a while.
	faultRename    faultKind = "an encoder renames segments"
	faultRendition faultKind = "an encoder renames its rendition"
	// faultBoth: both encoders are dead. The only fault that loses media.
	faultBoth faultKind = "both encoders are dead"
)

// faultKinds is their order in reports.
var faultKinds = []faultKind{
	faultDeath, faultRestart, faultRestartSame, faultLag, faultNoise, faultCut, faultTorn, faultBroken,
	faultScribble, faultRename, faultRendition, faultBoth,
}

// silent reports whether nothing is sent.
func (k faultKind) silent() bool {
	return k == faultDeath || k == faultRestart || k == faultRestartSame || k == faultBoth
}

// unsound reports whether a segment is not delivered as it should be.
func (k faultKind) unsound() bool {
	return k == faultNoise || k == faultCut || k == faultTorn || k == faultBroken
}

// fault is what one encoder does wrong, for the pieces from first up to before end.
type fault struct {
	kind       faultKind
	first, end int
	delay      time.Duration // of a lag
}

// plan is the schedule of both encoders of a channel. No two faults overlap, but for those
// that are meant to, so that each piece is delivered soundly by one encoder at least.
type plan [2][]fault

const (
	// quiet is how many pieces pass without a fault at both ends of a run.
	quiet = 8
	// recovery is after how many pieces, at least, the next fault may come, and recoveryMore
	// how many more there may be.
	recovery, recoveryMore = 1, 6
	// calm is how long nothing else happens before a rendition is renamed, and forgotten how
	// long after it: an encoder that has just sent two renditions is not whole without both,
	// until the origin forgets the one that lists nothing more, after ten segments. What is
	// lost at such a time is not what this looks for; see README.md.
	calm, forgotten = 4, 12
)

// makePlan makes a schedule for so many pieces.
func makePlan(random *rand.Rand, pieces int) plan {
	var p plan
	for at := quiet; ; {
		kind, input := faultKinds[random.IntN(len(faultKinds))], random.IntN(2)
		f := fault{kind: kind, first: at, end: at + 1 + random.IntN(3)}
		switch kind {
		case faultDeath, faultRestart, faultRestartSame, faultBoth:
			f.end = at + 1 + random.IntN(6)
		case faultRendition:
			f.first = at + calm
			f.end = f.first + 4 + random.IntN(10)
		case faultLag:
			f.end = at + 2 + random.IntN(4)
			f.delay = time.Duration(1500+random.IntN(4000)) * time.Millisecond
		}
		other := fault{kind: kind, first: f.first, end: f.end + random.IntN(3)} // if both are dead
		next := f.end + recovery + random.IntN(recoveryMore)
		switch kind {
		case faultRendition:
			next = f.end + forgotten
		case faultBoth:
			next += other.end - f.end
		}
		if next > pieces-quiet {
			return p
		}
		p[input] = append(p[input], f)
		if kind == faultBoth {
			p[1-input] = append(p[1-input], other)
		}
		at = next
	}
}

// at is the fault of an encoder at a piece, the zero value if there is none.
func (p plan) at(input, piece int) fault {
	for _, f := range p[input] {
		if f.first <= piece && piece < f.end {
			return f
		}
	}
	return fault{}
}
