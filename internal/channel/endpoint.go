package channel

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// endpoint is one output of the channel: it writes the slots that the core decides into
// its journal, and puts them into the window from which viewers are served. All but
// the window's view is guarded by Channel.mu.
type endpoint struct {
	*desk
	config  EndpointConfig
	journal *journal[record]
	first   uint64 // revision of the oldest slot in the window
	epoch   string
	// writer tells apart what this process has made of a number, and what other nodes or the one
	// before it have: the end of a journal may be lost with the power, and then numbers are used
	// again. Empty in the first process of one node.
	writer  string
	window  *output.Window
	changed bool // the view does not show all of it yet
	// expiring: there may be more slots that have left the window than are forgotten at once.
	expiring bool
	// edges are where the renditions ended.
	edges map[string]edge
	// reservedTo is up to where numbers were kept as used, see count.
	reservedTo uint64
	// reachedTo is the number at which it is kept again how far the endpoint has counted.
	reachedTo uint64
	// decided is what a core has to know about the last slot.
	decided *failover.Slot
	// chain is the history that several nodes share, standing where it ends, for those who
	// don't hold the lock, and offer since when there is something to decide.
	chain    chain
	standing atomic.Pointer[endpointState]
	offer    offer
	// passed says who decides, if that is not who did so last; untaken is when it turned out that
	// who was left it did not.
	passed  passMessage
	untaken time.Time
	claimed time.Time // since when that is this node by its own word
	// breakAt and numberAt are the discontinuity number and the media sequence number that the
	// next slot has at least, if it is decided here: viewers of another node have seen those
	// before; askedFor is when this node asked for them. left is the end of the history that
	// this node has left for that of another one, until it publishes something of that.
	breakAt, numberAt uint64
	askedFor          time.Time
	left              *record
	// apart is the number of the last slot in the window that is not of the history, see goOver.
	apart uint64

	// excluded are the renditions that the endpoint does not serve, and
	// selectionTrouble what was wrong with its limits when last looked at.
	excluded         []string
	selectionTrouble string
}

// edge is what the next slot of a rendition continues.
type edge struct {
	counters media.CounterState // continuity counters
	section  *output.Section    // the initialization section in force
	tables   *object            // of a transport stream, in front of the last slot
}

// openEndpoint opens the journal and serves again what it holds.
func openEndpoint(ctx context.Context, d *desk, config EndpointConfig) (*endpoint, error) {
	e := &endpoint{desk: d, config: config, edges: map[string]edge{}}
	e.window = output.New(config.Config, d.served, func(err error) {
		d.outbox.trouble(fmt.Errorf("endpoint %s: %w", config.Name, err))
	})
	var last record
	var unread []byte
	var err error
	e.journal, err = openJournal(ctx, d.journals, d.name+"/"+config.Name, "slots", &d.unfinished, nil, func(_ uint64, r record) error {
		if err := r.readable(); err != nil {
			return err
		}
		e.restore(r)
		if r.Slot != nil {
			last, unread = r, append(unread[:0], r.unread...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(unread) > 0 {
		if last.Seam, err = readSeam(unread); err != nil {
			return nil, err
		}
	}
	e.first = e.journal.revision + 1 - uint64(len(e.window.Slots()))
	if last.Slot != nil {
		e.resume(last.Slot, last.Seam)
		e.writer = strings.ToLower(rand.Text()[:4])
	}
	e.note()
	if d.nodes != nil {
		e.epoch, e.writer = nodesEpoch, d.nodes.writer
	}
	if e.epoch == "" {
		e.epoch = strings.ToLower(rand.Text()[:6])
		if _, err := e.journal.append(record{Epoch: e.epoch}); err != nil {
			return nil, err
		}
		e.first = e.journal.revision + 1
	}
	e.window.SetEpoch(e.epoch)
	return e, nil
}

// nodesEpoch is the epoch where there are several nodes: it is the same on all of them, and the
// writer of each slot tells names apart.
const nodesEpoch = "n"

// publish carries out what the core decided: the slot goes into the journal. The
// view gets it with refresh. It returns the slot to commit.
func (e *endpoint) publish(decided failover.Slot) failover.Slot {
	n := e.nodes
	broken := e.rejoin(&decided)
	seen := e.breakFor(&decided)
	decided.MSN = max(decided.MSN, e.numberAt)
	s := e.makeSlot(decided)
	s.Writer = e.writer
	r := record{Epoch: e.epoch, Slot: s, Seam: e.seam(decided), Switch: decided.Switch}
	if n != nil {
		r.Format, r.Link, r.Decided = formatOf(s), n.nextLink(e.chain.last), &decided
	}
	own := r
	if broken || seen {
		shown := *s
		shown.Discontinuity = broken
		own.Slot = &shown
	}
	e.makeContiguous(own.Slot, e.keep(own))
	e.window.Add(own.Slot)
	if n != nil {
		e.chain.add(r)
		e.note()
		n.group.Send(message{Record: &endpointRecord{Endpoint: e.config.Name, Record: r}}.encode())
		n.ledger.write(e.config.Name)
	}
	if n == nil {
		e.outbox.trouble(e.count(decided))
	}
	e.decided = remains(decided)
	e.changed = true
	return decided
}

// keep appends a record to the journal. One that refuses is no reason to stop the channel:
// viewers go on, and only a restart would miss what it lacks.
func (e *endpoint) keep(r record) (revision uint64) {
	r.Decided = nil // what a restart has to know of it is in the seam
	revision, err := e.journal.append(r)
	e.outbox.trouble(err)
	return revision
}

// end makes playlists end with EXT-X-ENDLIST.
func (e *endpoint) end() {
	e.window.End()
	e.changed = true
}

// refresh makes the view show what has been published, combined with what the inputs
// announce.
func (e *endpoint) refresh(now time.Time, inputs []*input) {
	if e.changed {
		e.changed, e.expiring = false, true
		config := e.config.Config
		if e.selectionTrouble != "" {
			config.Limits = output.Limits{} // they leave nothing: all is served
		}
		e.window.Configure(config)
		e.render(inputs)
	}
	if e.expiring {
		gone := e.window.Expire(now, expiredAtOnce)
		e.forget(gone)
		e.expiring = len(gone) == expiredAtOnce
	}
}

// render makes a new view. The active input's multivariant playlist counts first.
func (e *endpoint) render(inputs []*input) {
	active := ""
	if slots := e.window.Slots(); len(slots) > 0 {
		active = slots[len(slots)-1].Input
	}
	e.window.Render(announcedFor(inputs, active))
	e.unfinished.show(e.window, e.journal.backlog)
}

// forget releases what slots at the head of the window held.
func (e *endpoint) forget(gone []*output.Slot) {
	if len(gone) == 0 {
		return
	}
	e.unfinished.show(e.window, e.journal.backlog)
	e.release(gone...)
	e.first += uint64(len(gone))
	e.journal.forget(e.first)
	if n := e.nodes; n != nil && e.chain.last.Writer == n.writer {
		n.ledger.forget(e.config.Name, e.chain.last.Number+1-uint64(len(e.window.Slots())))
	}
}

// makeSlot binds the objects that the core chose.
func (e *endpoint) makeSlot(decided failover.Slot) *output.Slot {
	s := &output.Slot{
		MSN: decided.MSN, Input: decided.Input, Sources: decided.Sources, Start: decided.Start + decided.Dated, End: decided.End + decided.Dated, Dated: decided.Dated,
		Discontinuity: decided.Discontinuity, DiscontinuityNumber: decided.DiscontinuityNumber,
		TargetDuration: decided.TargetDuration, Published: decided.Published,
		Penalty: 100 - decided.Score(), Tags: e.window.Tags(decided),
	}
	if s.Discontinuity {
		clear(e.edges)
	}
	common := sync.OnceValue(e.nodes.commonFormat) // few slots ask, and then each part does
	for _, dr := range decided.Renditions {
		r := output.Rendition{ID: output.RenditionID(dr.Path), Path: dr.Path, Duration: dr.Duration, Defects: dr.Defects}
		var used []*object
		for _, p := range dr.Parts {
			switch ob := e.objects.use(p.Object); {
			case ob == nil:
			case ob.info == nil: // released already: its bytes may go at any time
				e.objects.release(p.Object)
				e.outbox.trouble(fmt.Errorf("endpoint %s: object %s was released before it was used", e.config.Name, p.Object))
			default:
				used = append(used, ob)
			}
		}
		switch {
		case len(used) > 0:
			e.bind(&r, used, common)
		case dr.Silent:
			e.silence(&r)
		default:
			r.Format = e.window.FormatOf(r.ID, nil)
		}
		s.Renditions = append(s.Renditions, r)
	}
	e.carryRenditions(s)
	e.window.NumberIFrames(s)
	if e.nodes == nil {
		s.Head = e.window.HeadWith(s)
	}
	return s
}

// carryRenditions gives a gap the renditions of the slot before, if it has none: whoever decided it was
// restarted, and does not know what encoders send. Viewers would not find their playlists.
func (e *endpoint) carryRenditions(s *output.Slot) {
	slots := e.window.Slots()
	if len(s.Renditions) > 0 || len(slots) == 0 {
		return
	}
	for _, r := range slots[len(slots)-1].Renditions {
		s.Renditions = append(s.Renditions, output.Rendition{ID: r.ID, Path: r.Path, Duration: s.End - s.Start, Format: r.Format})
	}
}

// bind turns objects into the parts of a rendition, with continuous continuity
// counters. common is the format of records that all nodes read.
func (e *endpoint) bind(r *output.Rendition, used []*object, common func() int) {
	first, last := used[0], e.edges[r.ID]
	if last.tables = e.inFront(first, last.tables); last.tables != nil {
		used = append([]*object{last.tables}, used...)
	}
	infos := make([]*media.Info, len(used))
	for i, ob := range used {
		infos[i] = ob.info
	}
	deltas, next := media.PlanCounters(last.counters, infos)
	at := failover.Ticks(0)
	for i, ob := range used {
		part := output.Part{Key: ob.key}
		if deltas[i] != "" && common() >= 2 {
			part.Counters = deltas[i]
		}
		info := e.shiftCues(ob.info, first.info.CueShift(ob.info), &part, common)
		ranges := info.JoinRanges(i, len(used))
		r.AddIFrames(info, ranges, at)
		at += failover.Ticks(info.End - info.Start)
		for _, keep := range ranges {
			part.Offset, part.Size = keep.Start, keep.End-keep.Start
			r.Parts = append(r.Parts, part)
			r.Size += part.Size
		}
	}
	r.Format = e.window.FormatOf(r.ID, first.info)
	last.section, r.Map = e.section(r.ID, last.section, first.init)
	last.counters = next
	e.edges[r.ID] = last
}

// shiftCues has viewers get a part's cues at other times, and describes what they get. If that can't be, they
// see a cue at the wrong time: a missing segment would be worse.
func (e *endpoint) shiftCues(info *media.Info, ticks int64, p *output.Part, common func() int) *media.Info {
	if ticks == 0 || common() < 3 {
		return info
	}
	shifted, err := info.ShiftCues(ticks)
	if err != nil {
		e.outbox.trouble(fmt.Errorf("endpoint %s: join text: %w", e.config.Name, err))
		return info
	}
	p.CueShift, p.Unshifted = ticks, info.Size
	return shifted
}

// section is the initialization section of a slot: the one in force, as long as it
// can stand in for what the encoder sent. used is nil if its bytes are gone.
func (e *endpoint) section(id string, current *output.Section, from *initSection) (inForce, used *output.Section) {
	if from == nil {
		return nil, nil
	}
	if current == nil || current.ID != from.init.ID.String() || e.objects.get(current.Part.Key) == nil {
		current = &output.Section{
			Name: fmt.Sprintf("%s/%s-init-%s.mp4", id, e.epoch, from.init.Hash.String()[:16]),
			ID:   from.init.ID.String(), Part: from.part,
		}
	}
	if e.objects.use(current.Part.Key) == nil {
		return current, nil
	}
	return current, current
}

// silence fills in a text rendition that has nothing to say: with a segment without cues.
// Before its format is known, it is a gap.
func (e *endpoint) silence(r *output.Rendition) {
	r.Format = e.window.FormatOf(r.ID, nil)
	if r.Format == nil || r.Format.Extension != ".vtt" {
		return
	}
	ob, err := e.objects.supplied("silent", []byte(media.NoCues))
	if err != nil {
		e.outbox.trouble(fmt.Errorf("endpoint %s: store text without cues: %w", e.config.Name, err))
		return
	}
	r.Parts = []output.Part{{Key: ob.key, Size: ob.size}}
	r.Size = ob.size
}

// drop releases what the endpoint holds; it was removed from the config. Its journal keeps
// the last record, so that numbers go on if it comes back.
func (e *endpoint) drop() {
	e.unfinished.release(e.window.Close())
	e.journal.forget(e.journal.revision)
	if e.nodes != nil {
		e.nodes.noteSeen(e.config.Name, e.standing.Load().viewed)
		e.nodes.ledger.dismiss(e.config.Name)
	}
}

func (e *endpoint) release(slots ...*output.Slot) { e.objects.releaseSlots(slots) }
