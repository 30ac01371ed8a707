package channel

import (
	"bytes"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// An encoder may send the tables of a transport stream (PAT and PMT) once, when it starts,
// or by the clock, and cut its segments elsewhere. A segment without tables has those of
// its run: those of the newest segment that has some and whose name differs only in a
// number. They have to be known before the first byte of a segment is read, which is before
// its playlist comes. Viewers get them in front of the segment.

// maxTables is for how many patterns of names an input's tables are remembered: one for
// each rendition is enough.
const maxTables = 64

// sortOf is what the names of a run's segments have in common.
func sortOf(name string) string {
	before, _, after := numbered(name)
	return before + "#" + after
}

// tablesFor are the tables for a segment that brings none; nil if none are known.
func (s *shelf) tablesFor(name string) media.Tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[sortOf(name)]
}

// keepTables remembers the tables that a segment brought; nil forgets them.
func (s *shelf) keepTables(sort string, tables media.Tables) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(tables) == 0 {
		delete(s.tables, sort)
		return
	}
	if bytes.Equal(s.tables[sort], tables) {
		return
	}
	if s.tables == nil || len(s.tables) >= maxTables {
		s.tables = map[string]media.Tables{} // what is still being sent comes back at once
	}
	s.tables[sort] = tables
}

// probing returns a prober for an upload, which knows the tables of its run.
func (d *delivery) probing() *media.Prober {
	p := media.NewProber()
	if tables := d.input.tablesFor(d.path); tables != nil {
		p.Inherit(tables)
	}
	return p
}

// learnTables records the tables that an upload brought. Once a run has given way to
// another layout, its tables are of no use.
func (d *delivery) learnTables(probed media.Probed, err error) {
	switch {
	case err != nil && faultReason(err) == media.ReasonLayoutChanged:
		d.input.keepTables(sortOf(d.path), nil)
	case err == nil && probed.Tables != nil:
		d.input.keepTables(sortOf(d.path), probed.Tables)
	}
}

// standingTables are tables that segments have inherited. Whoever sends them once won't
// send them again because the origin has restarted.
type standingTables struct {
	Input string `json:"input"`
	// Sort is what the names of the segments have in common.
	Sort   string       `json:"sort"`
	Tables media.Tables `json:"tables,omitempty"` // none: not any more
}

// sayTables notes what a segment has inherited. The lock is held.
func (in *input) sayTables(name string, info *media.Info) {
	if len(info.Tables) == 0 {
		return
	}
	if oldest := in.standing.surplusTables(in.name); oldest != nil {
		in.outbox.trouble(in.standing.say(standingEntry{Tables: oldest}))
	}
	in.outbox.trouble(in.standing.say(standingEntry{Tables: &standingTables{Input: in.name, Sort: sortOf(name), Tables: info.Tables}}))
}

// surplusTables is the entry that takes back the oldest tables of an input, nil as long as
// there is room for more: encoders may use other names at each start.
func (s *standing) surplusTables(input string) *standingTables {
	n, oldest := 0, standingKey{}
	for key := range s.last {
		if key.kind != "tables" || key.of != input {
			continue
		}
		if n++; n == 1 || s.at[key] < s.at[oldest] {
			oldest = key
		}
	}
	if n < maxTables {
		return nil
	}
	return &standingTables{Input: input, Sort: oldest.path}
}

// inFront is an object of the tables that the first object of a slot has inherited, with one
// more user: players start with a whole segment, not with part of one. It is the one before as
// long as slots have that, and nil if there is nothing to put in front.
func (e *endpoint) inFront(first, before *object) *object {
	tables := first.info.Tables
	if len(tables) == 0 {
		return nil
	}
	if before != nil && bytes.Equal(before.info.Tables, tables) && e.objects.use(before.key) != nil {
		return before
	}
	written, err := e.objects.supplied("tables", tables)
	if err != nil {
		e.outbox.trouble(fmt.Errorf("endpoint %s: store tables: %w", e.config.Name, err))
		return nil
	}
	return &object{key: written.key, size: written.size, info: tables.Info()}
}
