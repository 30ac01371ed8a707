package media

import (
	"fmt"
	"slices"
	"strings"
)

// Defect is a word for what is wrong with a media object that is fit to be served.
type Defect string

const (
	// DefectHole: samples are missing within the object, or between it and the previous one
	// of the same run.
	DefectHole Defect = "hole"
	// DefectTrackGone: an audio or video track that earlier objects of the run carried
	// has no samples, or ends early.
	DefectTrackGone Defect = "track_gone"
	// DefectDamaged: packets were lost or are marked as damaged, or sizes do not add up.
	DefectDamaged Defect = "damaged"
	// DefectRepeated: timestamps step back within the object.
	DefectRepeated Defect = "repeated"
	// DefectNoKeyFrame: the video does not begin with a random access point, while the
	// run's others do.
	DefectNoKeyFrame Defect = "no_key_frame"
	// DefectStarved: the bit rate is under a tenth of the run's median.
	DefectStarved Defect = "starved"
	// DefectFrozen: pictures of nearly no size for 5 s.
	DefectFrozen Defect = "frozen"
	// DefectSilent: audio frames of the smallest size for 5 s.
	DefectSilent Defect = "silent"
)

// Finding is a defect of an object.
type Finding struct {
	Defect Defect
	// Detail says what was found where, in words.
	Detail string
	// Missing is how much of the track a hole takes out, in ticks.
	Missing int64
}

// Graded is the result for one object, and what the next one is compared with.
// It never changes.
type Graded struct {
	// Findings has each defect at most once, the worst of its kind.
	Findings []Finding
	// Unfit says that the object can't be played as what it is: its own timeline, that of the
	// reference track, steps back.
	Unfit bool

	format     Format
	initID     Digest
	modulus    int64
	start, end int64
	starved    int // objects in a row, with this one
	tracks     []trackEnd
}

// trackEnd is what the next object's track is compared with.
type trackEnd struct {
	id            uint32
	kind          Kind
	lastDTS, end  int64
	step          int64
	width, height int
	// still is how long the track has been frozen or silent up to the end.
	still int64
}

// newGraded is an object for which nothing was found yet. Tracks without samples end
// nowhere.
func newGraded(info *Info) *Graded {
	g := &Graded{format: info.Format, initID: info.InitID, modulus: info.Modulus, start: info.Start, end: info.End}
	for i := range info.Tracks {
		if t := &info.Tracks[i]; t.graded() && t.Samples > 0 {
			g.tracks = append(g.tracks, trackEnd{
				id: t.ID, kind: t.Kind, lastDTS: t.LastDTS, end: t.End, step: t.Measure.Step, width: t.Width, height: t.Height,
			})
		}
	}
	return g
}

// track is the end of a track; nil if there is none.
func (g *Graded) track(t *Track) *trackEnd {
	if g == nil {
		return nil
	}
	for i := range g.tracks {
		if p := &g.tracks[i]; p.id == t.ID && p.kind == t.Kind {
			return p
		}
	}
	return nil
}

// graded reports whether the track is one that is seen or heard. Cues and metadata come
// only when there is something to say.
func (t *Track) graded() bool { return t.Kind == Video || t.Kind == Audio }

// Text describes the findings, empty without any.
func (g *Graded) Text() string {
	details := make([]string, 0, len(g.Findings))
	for _, f := range g.Findings {
		details = append(details, string(f.Defect)+": "+f.Detail)
	}
	return strings.Join(details, "; ")
}

// Grader says how good the objects of one rendition are, by what is usual in its run. The
// zero value knows nothing yet. It holds a bounded number of integers, and never reads the
// clock. It is not safe for concurrent use.
type Grader struct {
	tracks []*trackHabits // at most maxGraded
	keys   marks          // objects that begin with a random access point
	rates  ranked         // bit rates of the reference track
	unused recent         // bytes of mdat boxes that belong to no sample

	starts, amounts, accounts unlearned // of keys, rates and unused
}

// trackHabits is what is usual in one track.
type trackHabits struct {
	id   uint32
	kind Kind

	carried int    // objects that had samples of it
	absent  int    // objects in a row that had not
	steps   recent // the longest step of each object
	uneven  marks  // objects with long steps
	known   int    // steps that were looked at, no more than evenSteps
	back    recent // how far its timestamps step back
	early   recent // how much earlier than the others it ends
	small   ranked // percent of the pictures that have nearly no size

	turns, endings, motion, pauses unlearned // of back, early, small, and of steps and uneven
}

// forgottenTrack is after how many objects without a sample a track no longer belongs to
// the run.
const forgottenTrack = lastingObjects

// Grade says how good the object is. before is the previous object in the same run of the
// encoder, nil if that is not known: then nothing is said about what lies between. Objects
// that do not continue each other in time are taken for different runs.
func (g *Grader) Grade(info *Info, before *Graded) *Graded {
	out := newGraded(info)
	if info.Untimed {
		return out
	}
	if before != nil && !before.continues(info) {
		*g, before = Grader{}, nil
	}
	x := &grading{Grader: g, info: info, before: before, out: out}
	x.damage()
	x.habits()
	for i := range info.Tracks {
		t := &info.Tracks[i]
		if h := g.track(t); h != nil {
			if x.repeats(t, h) {
				continue // how long it is, and what is missing, can't be told
			}
			x.presence(t, h)
			h.learn(t, x.holes(t, h))
		}
	}
	x.undeclared()
	x.keyFrame()
	x.rate()
	x.stillness()
	return out
}

// habits makes room for the tracks that the object declares.
func (x *grading) habits() {
	for i := range x.info.Tracks {
		if t := &x.info.Tracks[i]; t.graded() && x.track(t) == nil && len(x.tracks) < maxGraded {
			x.tracks = append(x.tracks, &trackHabits{id: t.ID, kind: t.Kind})
		}
	}
}

// grading is the work on one object.
type grading struct {
	*Grader
	info   *Info
	before *Graded
	out    *Graded
}

// found notes a defect. Of several of a kind, the one that lacks more is kept.
func (x *grading) found(defect Defect, missing int64, format string, args ...any) {
	f := Finding{Defect: defect, Detail: fmt.Sprintf(format, args...), Missing: missing}
	for i := range x.out.Findings {
		if o := &x.out.Findings[i]; o.Defect == defect {
			if missing > o.Missing {
				*o = f
			}
			return
		}
	}
	x.out.Findings = append(x.out.Findings, f)
}

func (i *Info) trackOf(kind Kind, id uint32) *Track {
	for k := range i.Tracks {
		if t := &i.Tracks[k]; t.ID == id && t.Kind == kind {
			return t
		}
	}
	return nil
}

// forget drops the end of a track, or those of all: what follows is not compared with it.
func (g *Graded) forget(t *Track, all bool) {
	g.tracks = slices.DeleteFunc(g.tracks, func(p trackEnd) bool { return all || p.id == t.ID && p.kind == t.Kind })
}

// track finds what is usual in a track.
func (g *Grader) track(t *Track) *trackHabits {
	for _, h := range g.tracks {
		if h.id == t.ID && h.kind == t.Kind {
			return h
		}
	}
	return nil
}

// continues reports whether an object follows this one on the same clock, with no more than
// a hole or an overlap between them.
func (g *Graded) continues(info *Info) bool {
	off, ok := g.Gap(info)
	return ok && max(off, -off) <= max(jump, info.End-info.Start, g.end-g.start)
}

// after is how much later a time of the next object is than one of the previous object:
// each object has a timeline of its own where timestamps wrap.
func after(before, next, modulus int64) int64 {
	if modulus == 0 {
		return next - before
	}
	return wrapDiff(next, before)
}

func (t *Track) name() string {
	if t.Timescale == 0 && t.ID > 0 {
		return fmt.Sprintf("%s 0x%x", t.Kind, t.ID)
	}
	return fmt.Sprintf("%s %d", t.Kind, t.ID)
}

func milliseconds(ticks int64) int64 { return (ticks + ClockRate/2000) / (ClockRate / 1000) }
