package channel

import (
	"bytes"
	"context"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// stood goes on with what was said before a restart.
func (r *recall) stood(ctx context.Context) error {
	var err error
	if r.standing, err = openStanding(ctx, r.desk); err != nil {
		return err
	}
	for _, entry := range r.standing.inOrder() {
		switch {
		case entry.Multivariant != nil:
			r.multivariants(entry.Multivariant.Input)
		case entry.Init != nil:
			r.initSection(ctx, entry.Init)
		case entry.Tables != nil && r.inputs[entry.Tables.Input] != nil:
			r.inputs[entry.Tables.Input].keepTables(entry.Tables.Sort, entry.Tables.Tables)
		case entry.Count != nil:
			entry = entry.behind(r.now())
			r.standing.last[entry.key()] = entry // a trace that begins later says the same
			r.core.Take(r.now(), outlived(*entry.Count))
		}
	}
	return nil
}

// multivariants tells the core what an input announced before the restart, or before it was
// taken out of the config and came back.
func (r *recall) multivariants(input string) {
	in := r.inputs[input]
	if in == nil || len(in.multivariants) > 0 {
		return // or it has been told
	}
	now := r.now()
	for _, entry := range r.standing.inOrder() {
		m := entry.Multivariant
		if m == nil || m.Input != input {
			continue
		}
		fact, playlist, ok := m.read(in.config.Load())
		if !ok {
			continue
		}
		in.takeAnnouncement(&announcement{path: m.Path, playlist: playlist, renditions: fact.Renditions, since: now, recalled: true})
		in.recallText(m.Path, file{text: m.Text, contentType: playlistType, modified: now}, 0)
	}
	if len(in.multivariants) == 0 {
		return
	}
	fact := failover.Multivariant{Input: input, Renditions: union(in.multivariants)}
	in.announces(fact)
	r.core.Take(now, failover.Recalled{Multivariant: fact})
}

// initSection puts an initialization section from before the restart in force again. It is
// read again: that is less than what would have to be recorded about it.
func (r *recall) initSection(ctx context.Context, s *standingInit) {
	in := r.inputs[s.Input]
	if in == nil {
		return
	}
	key := s.Key
	if len(s.Data) > 0 {
		ob, err := r.objects.write(ctx, s.Input, int64(len(s.Data)), bytes.NewReader(s.Data))
		if err != nil {
			r.outbox.trouble(fmt.Errorf("put initialization section back: %w", err))
			return
		}
		key = ob.key
	} else if !r.objects.adopt(key, 0) {
		return
	}
	section, err := r.objects.probeInit(ctx, key)
	if err != nil {
		r.objects.release(key)
		r.outbox.trouble(fmt.Errorf("read initialization section again: %w", err))
		return
	}
	in.binder.inits[s.Path] = section
	in.noteSection(s.Path, true)
	in.recallObject(s.Path, key, "", r.now())
}

// orders tells the core what the operator ordered before the restart.
func (r *recall) orders() {
	for _, entry := range r.standing.inOrder() {
		if entry.Order != nil && entry.Order.Input != "" {
			r.channel.step(*entry.Order)
		}
	}
}
