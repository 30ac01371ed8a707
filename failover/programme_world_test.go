package failover

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// programme is a random history in which it is known, of every object, which stretch of the
// programme it holds: what viewers got is compared with that, whatever the timestamps say.
type programme struct {
	*world
	rng        *rand.Rand
	renditions []string
	cut        func(*simulator) // the segments that locked encoders make
	timestamps map[int]Ticks    // of programme time 0, by incarnation of an encoder
	longest    Ticks
	dates      bool          // encoders send EXT-X-PROGRAM-DATE-TIME
	apart      Ticks         // by how much sound may come twice where inputs change that cut it elsewhere
	raised     time.Duration // by how much a delay or a segment duration was raised at most
	log        []string      // what was done
}

// stretch is what an object holds of the programme.
type stretch struct{ from, to Ticks }

// lengths are those of ordinary encoders: whole seconds, 24 and 30000/1001 frames a second, and key frames
// that are not quite where they should be.
var lengths = [][]Ticks{
	{90000}, {172800}, {180000}, {180180}, {345600}, {360000}, {450000}, {450450}, {540000}, {180000, 180000, 176400, 183600},
}

func newProgramme(seed uint64, inputs int) *programme {
	p := &programme{world: newWorld(), rng: rand.New(rand.NewPCG(seed, 5)), timestamps: map[int]Ticks{}}
	p.config.Inputs = []string{"a", "b", "c"}[:inputs]
	p.renditions = pickOf(p, []string{"v"}, []string{"v", "audio"}, []string{"audio"}, []string{"v", "v2", "audio"})
	p.config.Endpoints = []EndpointConfig{p.endpoint("e")}
	p.cut, p.dates = p.grid(), p.rng.IntN(2) == 0
	return p
}

func pickOf[T any](p *programme, of ...T) T { return of[p.rng.IntN(len(of))] }

func (p *programme) endpoint(name string) EndpointConfig {
	return EndpointConfig{
		Name: name, SegmentDuration: pickOf(p, 2*time.Second, 6*time.Second, 10*time.Second), PlaylistWindow: time.Minute,
		TimeDelay: pickOf(p, 0, 0, time.Duration(p.rng.IntN(25))*time.Second), Hitless: p.rng.IntN(2) == 0, GapOnLoss: p.rng.IntN(3) == 0,
	}
}

// grid draws how an encoder cuts its segments: sound as the picture, or at its own frames.
func (p *programme) grid() func(*simulator) {
	cycle, framed := pickOf(p, lengths...), p.rng.IntN(2) == 0
	later := time.Duration(p.rng.IntN(400)) * time.Millisecond
	return func(e *simulator) {
		e.length, e.cycle = cycle[0], cycle
		e.lates["v2"], e.lates["audio"] = later, later/2
		if framed {
			e.frames["audio"] = 1920
		}
		p.longest = max(p.longest, slices.Max(cycle))
	}
}

// elsewhere are timestamps that no encoder had before.
func (p *programme) elsewhere() Ticks { return Ticks(1+p.incarnations) * 3600 * ClockRate }

// begin starts an encoder with what all ordinary ones have in common.
func (p *programme) begin(name string, cut func(*simulator), timestamps Ticks, late time.Duration) *simulator {
	e := newSimulator(name)
	e.renditions, e.timestamps, e.window, e.late = p.renditions, timestamps, 8, 100*time.Millisecond+late
	e.dates = p.dates
	cut(e)
	if p.rng.IntN(2) == 0 {
		e.number, e.names = 1, fmt.Sprintf("%d-", p.incarnations)
	}
	p.say("start %s", name)
	p.must(p.start(e))
	p.timestamps[e.incarnation] = timestamps
	return e
}

// pass lets some seconds pass.
func (p *programme) pass(from, to int) {
	p.must(p.run(p.now.Add(time.Duration(from*1000+p.rng.IntN((to-from)*1000+1)) * time.Millisecond)))
}

func (p *programme) must(err error) {
	if err != nil {
		panic(err)
	}
}

func (p *programme) say(format string, args ...any) {
	p.log = append(p.log, p.stamp(p.now)+" "+fmt.Sprintf(format, args...))
}

// seen is what viewers of the endpoint got of a rendition.
func (p *programme) seen(endpoint, path string) []stretch {
	var list []stretch
	for _, s := range p.all[endpoint] {
		i := slices.IndexFunc(s.Renditions, func(r SlotRendition) bool { return r.Path == path })
		for _, part := range s.Renditions[i].Parts {
			list = append(list, p.holds[part.Object])
		}
	}
	return list
}

// broken says what is wrong with what viewers got: media that is missing (more than lost in one place),
// that comes twice or out of order (but for a frame of sound, where some may be lost), more seams than
// there may be, an endpoint that stands still.
func (p *programme) broken(seams int, lost Ticks) string {
	for _, ec := range p.config.Endpoints {
		patience := 2*ec.SegmentDuration + 3*p.longest.Duration() + 5*time.Second + p.raised
		slots := p.all[ec.Name]
		if len(slots) == 0 || p.now.Sub(slots[len(slots)-1].Published) > patience {
			return ec.Name + " stands still"
		}
		if gaps := slots[0].Gaps(); ec.Name != "e" && lost == 0 && len(gaps) > 0 {
			return fmt.Sprintf("%s begins with a gap in %v", ec.Name, gaps)
		}
		for i, s := range slots[1:] {
			before := slots[i]
			if s.Discontinuity {
				seams--
			}
			if s.MSN != before.MSN+1 || s.Start < before.End-ClockRate/10 {
				return fmt.Sprintf("%s: slot %d is out of order", ec.Name, s.MSN)
			}
			if silent := s.Published.Sub(before.Published); silent > patience+lost.Duration() {
				return fmt.Sprintf("%s: nothing for %s before slot %d", ec.Name, silent, s.MSN)
			}
		}
		for _, path := range p.renditions {
			list := p.seen(ec.Name, path)
			if len(list) == 0 {
				return ec.Name + " has no " + path
			}
			twice, most := min(lost, 1920), lost
			if kindOf(path) == Audio {
				twice, most = max(twice, p.apart), most+4*p.apart
			}
			for i := range list[1:] {
				if gap := list[i+1].from - list[i].to; gap < -twice || gap > most {
					return fmt.Sprintf("%s: %s goes on at %.2f s after %.2f s", ec.Name, path, list[i+1].from.Seconds(), list[i].to.Seconds())
				}
			}
		}
	}
	if seams < 0 {
		return fmt.Sprintf("%d seams too many", -seams)
	}
	return ""
}
