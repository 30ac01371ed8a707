package channel

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/store"
)

// endpoint is one output of the channel. All but view is guarded by Channel.mu.
type endpoint struct {
	channel  *Channel
	config   EndpointConfig
	journal  store.Journal
	revision uint64
	first    uint64 // revision of the slot at the head of slots
	life     string

	// slots are those that can be fetched; the last ones are listed. Views share
	// the array: it only grows at the end. There may be hundreds of thousands of
	// them, so nothing that comes with every slot may walk over all.
	slots   []*slot
	held    inventory   // what is in slots
	left    []time.Time // when the slots at the head of slots left the playlist
	ended   bool
	changed bool // the view does not show all of it yet
	target  int
	peak    map[string]uint64 // measured bits per second, by rendition
	formats map[string]*format
	// iframes is the next number of an I-frame playlist, iframePeak its measured
	// bits per second, by rendition.
	iframes    map[string]uint64
	iframePeak map[string]uint64
	// counters continues the continuity counters, by rendition.
	counters map[string]media.CounterState
	// sections are the initialization sections in force, by rendition.
	sections map[string]*section

	// number counts the views; startover has playlists that were rendered from
	// them on request, nil if startover is off.
	number    uint64
	startover *startoverCache

	// evicted is where what was given up for want of room ended.
	evicted failover.Ticks

	breaks breaks
	// decided is what a core has to know of the last slot.
	decided *failover.Slot

	// excluded are the renditions that the endpoint does not serve, and
	// selectionTrouble what was wrong with its limits when last looked at.
	excluded         []string
	selectionTrouble string

	view atomic.Pointer[View]
}

// openEndpoint opens the journal and serves again what it holds.
func (c *Channel) openEndpoint(ctx context.Context, config EndpointConfig) (*endpoint, error) {
	e := &endpoint{
		channel: c, config: config, peak: map[string]uint64{}, formats: map[string]*format{},
		iframes: map[string]uint64{}, iframePeak: map[string]uint64{},
		counters: map[string]media.CounterState{}, sections: map[string]*section{},
	}
	journal, err := c.store.Journal(ctx, c.name+"/"+config.Name)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	e.journal = journal
	if err := e.restore(ctx); err != nil {
		return nil, err
	}
	if e.life == "" {
		e.life = strings.ToLower(rand.Text()[:6])
		if err := e.append(ctx, record{Life: e.life}); err != nil {
			return nil, err
		}
		e.first = e.revision + 1
	}
	e.render(time.Now())
	return e, nil
}

// restore reads the journal. Slots whose objects are gone are left out, and so
// is all that came before them.
func (e *endpoint) restore(ctx context.Context) error {
	var last *slot
	var end *seam
	err := e.journal.Read(ctx, 0, func(revision uint64, text []byte) error {
		r, err := decodeRecord(text)
		if err != nil {
			return err
		}
		if r.Life != "" {
			e.life = r.Life
		}
		if r.Slot == nil {
			return nil
		}
		if !e.adopt(r.Slot) {
			e.releaseAll(e.slots)
			e.slots = nil
			e.followIFrames(r.Slot) // its numbers were seen
		} else {
			e.keep(r.Slot)
		}
		e.target = r.Slot.TargetDuration
		e.channel.remember(r.Switch)
		last, end = r.Slot, r.Seam
		return nil
	})
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if e.revision, err = e.journal.Last(ctx); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	e.first = e.revision + 1 - uint64(len(e.slots))
	if last != nil {
		e.resume(last, end)
	}
	return nil
}

// adopt takes over the objects of a slot from an earlier life. It reports
// whether they are all there.
func (e *endpoint) adopt(s *slot) bool {
	var taken []string
	for i := range s.Renditions {
		r := &s.Renditions[i]
		for _, key := range r.keys() {
			if !e.channel.objects.adopt(key) {
				for _, t := range taken {
					e.channel.objects.release(t)
				}
				return false
			}
			taken = append(taken, key)
		}
		e.measure(r)
	}
	return true
}

// append writes to the journal.
func (e *endpoint) append(ctx context.Context, r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode journal record: %w", err)
	}
	revision, err := e.journal.Append(ctx, e.revision, text)
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	e.revision = revision
	return nil
}

// publish carries out what the core decided: the slot goes into the journal. The
// view gets it with refresh.
func (e *endpoint) publish(decided failover.Slot) {
	s := e.makeSlot(decided)
	// A journal that refuses is no reason to stop the channel: viewers go on,
	// and only a restart would miss what it lacks.
	if err := e.append(context.Background(), record{Life: e.life, Slot: s, Seam: e.seam(decided), Switch: decided.Switch}); err != nil {
		e.channel.outbox.trouble(e.channel.name, err)
	}
	e.keep(s)
	e.decided = remains(decided)
	e.target, e.ended, e.changed = s.TargetDuration, false, true
}

// refresh makes the view show what has been published.
func (e *endpoint) refresh(now time.Time) {
	if !e.changed {
		return
	}
	e.changed = false
	e.render(now)
	e.expire(now)
}

// keep adds a slot at the end.
func (e *endpoint) keep(s *slot) {
	if len(e.slots) > 0 {
		s.share(e.slots[len(e.slots)-1])
	}
	e.held.add(s)
	e.breaks.follow(s)
	e.followIFrames(s)
	e.slots = append(e.slots, s)
}

// makeSlot binds the objects that the core chose.
func (e *endpoint) makeSlot(decided failover.Slot) *slot {
	s := &slot{
		MSN: decided.MSN, Input: decided.Input, Start: decided.Start, End: decided.End,
		Discontinuity: decided.Discontinuity, DiscontinuityNumber: decided.DiscontinuityNumber,
		TargetDuration: decided.TargetDuration, Published: decided.Published,
		Tags: e.breaks.tags(decided),
	}
	if s.Discontinuity {
		clear(e.counters)
		clear(e.sections)
	}
	for _, dr := range decided.Renditions {
		r := rendition{ID: renditionID(dr.Path), Path: dr.Path, Duration: dr.Duration}
		var used []*object
		for _, p := range dr.Parts {
			if ob := e.channel.objects.use(p.Object); ob != nil {
				used = append(used, ob)
			}
		}
		if len(used) > 0 {
			e.bind(&r, used)
			e.measure(&r)
		} else {
			r.Format = e.formats[r.ID] // for its name, which never changes
		}
		s.Renditions = append(s.Renditions, r)
	}
	e.numberIFrames(s)
	return s
}

// bind turns objects into the parts of a rendition, with continuous continuity
// counters.
func (e *endpoint) bind(r *rendition, used []*object) {
	infos := make([]*media.Info, len(used))
	for i, ob := range used {
		infos[i] = ob.info
	}
	deltas, next := media.PlanCounters(e.counters[r.ID], infos)
	at := failover.Ticks(0)
	for i, ob := range used {
		if deltas[i] != nil {
			ob = e.channel.rewrite(ob, deltas[i])
		}
		ranges := ob.info.JoinRanges(i, len(used))
		r.addIFrames(ob.info, ranges, at)
		at += failover.Ticks(ob.info.End - ob.info.Start)
		for _, keep := range ranges {
			r.Parts = append(r.Parts, part{Key: ob.key, Offset: keep.Start, Size: keep.End - keep.Start})
			r.Size += keep.End - keep.Start
		}
	}
	e.counters[r.ID] = next
	r.Format = e.formatOf(r.ID, infos[0])
	r.Map = e.section(r.ID, used[0].init)
}

// section is the initialization section of a slot: the one in force, as long as it
// can stand in for what the encoder sent.
func (e *endpoint) section(id string, from *initSection) *section {
	if from == nil {
		delete(e.sections, id)
		return nil
	}
	current := e.sections[id]
	if current == nil || current.ID != from.init.ID.String() || e.channel.objects.get(current.Part.Key) == nil {
		current = &section{
			Name: fmt.Sprintf("%s/%s-init-%s.mp4", id, e.life, from.init.Hash.String()[:16]),
			ID:   from.init.ID.String(), Part: from.part,
		}
		e.sections[id] = current
	}
	if e.channel.objects.use(current.Part.Key) == nil {
		return nil
	}
	return current
}

// rewrite stores a copy of the object with other continuity counters, and gives
// the use of the object back. If that fails, the object is used as it is:
// players notice a jump of counters, but they would miss a segment more.
func (c *Channel) rewrite(ob *object, delta media.CounterDelta) *object {
	key := c.objects.key("joined")
	if err := c.copyWith(ob, key, delta); err != nil {
		c.outbox.trouble(c.name, fmt.Errorf("rewrite continuity counters: %w", err))
		return ob
	}
	c.objects.release(ob.key)
	copied := c.objects.add(key, ob.size)
	// The slot takes these once; the copy itself has no use for them.
	return &object{key: copied.key, size: copied.size, info: ob.info, init: ob.init}
}

func (c *Channel) copyWith(ob *object, key string, delta media.CounterDelta) error {
	ctx := context.Background()
	source, err := openSequence(ctx, c.store, []part{{Key: ob.key, Size: ob.size}})
	if err != nil {
		return err
	}
	defer source.Close()
	w, err := c.store.Create(ctx, key, ob.size)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.ReadFrom(media.NewRewriter(source, delta)); err != nil {
		return err
	}
	return w.Commit()
}

// end adds EXT-X-ENDLIST.
func (e *endpoint) end() { e.ended, e.changed = true, true }

// listed is how many of the last slots the live playlist shows: the window, and
// at least three.
func (e *endpoint) listed() int {
	window := failover.TicksOf(e.config.PlaylistWindow)
	n, sum := 0, failover.Ticks(0)
	for i := len(e.slots) - 1; i >= 0 && (n < minListed || sum < window); i-- {
		sum += e.slots[i].End - e.slots[i].Start
		n++
	}
	return n
}

// minListed: a live playlist holds at least three target durations (RFC 8216
// 6.2.2).
const minListed = 3

// expire drops slots that left the playlist long enough ago: a segment stays
// available for its own length and that of the longest playlist that listed it
// (RFC 8216 6.2.2). With a startover window, it stays for that long as well, so
// that a playlist that begins at the window's far end has its time, too.
func (e *endpoint) expire(now time.Time) {
	out := len(e.slots) - e.listed()
	for len(e.left) < out {
		e.left = append(e.left, now)
	}
	n := 0
	for n < out && now.Sub(e.left[n]) >= e.availability() && !e.inStartover(e.slots[n]) {
		n++
	}
	if n > 0 {
		e.forget(n)
	}
}

// inStartover reports whether the slot is kept for the startover window. The
// window is media time: an input whose clock is wrong has a right one too.
func (e *endpoint) inStartover(s *slot) bool {
	if e.config.StartoverWindow <= 0 {
		return false
	}
	age := e.slots[len(e.slots)-1].End - s.End
	return age < failover.TicksOf(e.config.StartoverWindow+e.availability())
}

// availability is how long a segment can be fetched after it left the playlist.
func (e *endpoint) availability() time.Duration {
	return e.config.PlaylistWindow + 2*time.Duration(e.target)*time.Second
}

// drop gives back what the endpoint holds; it was taken out of the config. Its journal
// keeps the last record, so that numbers go on should it come back.
func (e *endpoint) drop() {
	e.releaseAll(e.slots)
	e.slots = nil
	e.view.Store(nil)
	if err := e.journal.Forget(context.Background(), e.revision); err != nil {
		e.channel.outbox.trouble(e.channel.name, fmt.Errorf("shorten journal: %w", err))
	}
}

func (e *endpoint) releaseAll(slots []*slot) {
	for _, s := range slots {
		e.held.remove(s)
		for i := range s.Renditions {
			for _, key := range s.Renditions[i].keys() {
				e.channel.objects.release(key)
			}
		}
	}
}
