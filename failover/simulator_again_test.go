package failover

import (
	"fmt"
	"slices"
	"time"
)

// What an encoder sends, or counts, once more.

// countAgain lets the encoder count from 1 again, under other names, while its media goes on.
func (e *simulator) countAgain(names string) {
	e.names = names
	for _, r := range e.renditions {
		e.countsAgain[r] = true
	}
}

// again sends the last playlists once more.
func (e *simulator) again(w *world) error {
	for _, r := range e.renditions {
		if err := w.step(e.playlist(r, false)); err != nil {
			return err
		}
	}
	return nil
}

// sent is what an encoder has sent, and when.
type sent struct {
	at   time.Time
	fact Fact
}

// echo sends all of the last time once more, as from a machine on the way that held a copy.
func (e *simulator) echo(w *world, last time.Duration) error {
	for _, s := range slices.Clone(e.sent) {
		if w.now.Sub(s.at) > last {
			continue
		}
		if o, ok := s.fact.(Object); ok {
			w.object++
			o.ID = fmt.Sprintf("%s#%d", o.ID, w.object)
			w.of[o.ID], w.holds[o.ID] = e.incarnation, w.holds[s.fact.(Object).ID]
			s.fact = o
		}
		if err := w.step(s.fact); err != nil {
			return err
		}
	}
	return nil
}

// rename sends the last segment once more, under another name.
func (e *simulator) rename(w *world) error {
	for _, r := range e.renditions {
		list := e.listed[r]
		last := &list[len(list)-1]
		last.Path = fmt.Sprintf("%s/again-%d.ts", r, last.Number)
		for i := range e.made[r] {
			if e.made[r][i].Number == last.Number {
				e.made[r][i] = *last
			}
		}
		start := e.shift + Ticks(last.Number)*e.length + e.timestamps
		id := fmt.Sprintf("%s/%s/again-%d", e.name, r, last.Number)
		media := &Media{Start: start, End: start + e.length, Modulus: 1 << 33, Frame: 3600, Video: true, Signature: e.signature(r)}
		if err := w.step(Object{Input: e.name, Path: last.Path, ID: id, Media: media, Hash: id}); err != nil {
			return err
		}
	}
	return e.again(w)
}
