package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

const (
	archiveWindow     = "336h"
	archiveRenditions = 3
	archiveSlot       = 2 // seconds
)

// archived is a record of an endpoint's journal as the origin writes it.
type archived struct {
	Epoch string          `json:"life"`
	Slot  *output.Slot    `json:"slot,omitempty"`
	Seam  json.RawMessage `json:"seam,omitempty"`
}

// fileStore configures a channel with a startover window on a file store.
func fileStore(dir string) string {
	return "store file " + dir + "\n" + pair("c0", archiveSlot, 12, "startover_window "+archiveWindow)
}

// archive makes a directory as it is after so much time on air. Nobody can wait for that, so
// an origin publishes some slots, and the last one's record is written again and again, with
// other numbers and times, into the journal of another directory. The media are those of that
// slot, in all of them: what is measured is the journal and what is made of it.
func (b *bench) archive(ctx context.Context, age time.Duration) (dir string, err error) {
	source := filepath.Join(b.dir, "on-air")
	model, err := b.modelRecord(ctx, source)
	if err != nil {
		return "", err
	}
	from, err := file.Open(file.Options{Dir: source})
	if err != nil {
		return "", err
	}
	defer from.Close()
	dir = filepath.Join(b.dir, "archive-"+age.String())
	to, err := file.Open(file.Options{Dir: dir})
	if err != nil {
		return "", err
	}
	defer to.Close()
	if err := copyMedia(ctx, from, to, model.Slot); err != nil {
		return "", err
	}
	return dir, writeSlots(ctx, to, model, uint64(age/time.Second/archiveSlot))
}

// modelRecord is the last record of an origin that has published some slots.
func (b *bench) modelRecord(ctx context.Context, dir string) (archived, error) {
	o, err := b.startOrigin(ctx, fileStore(dir), nil)
	if err != nil {
		return archived{}, err
	}
	e, v := newEncoder(o.addr, b.slow, "/in/c0/a"), newViewer(o.addr, "c0")
	err = v.begin(ctx, e, 5)
	e.close()
	v.close()
	o.stop()
	if err != nil {
		return archived{}, err
	}
	st, err := file.Open(file.Options{Dir: dir})
	if err != nil {
		return archived{}, err
	}
	defer st.Close()
	journal, err := st.Journal(ctx, "c0/hls")
	if err != nil {
		return archived{}, err
	}
	var last archived
	err = journal.Read(ctx, 0, func(_ uint64, text []byte) error {
		last = archived{}
		return json.Unmarshal(text, &last)
	})
	if err == nil && last.Slot == nil {
		err = errors.New("the origin has recorded no slot")
	}
	return last, err
}

// copyMedia copies the objects of a slot.
func copyMedia(ctx context.Context, from, to store.Store, s *output.Slot) error {
	for i := range s.Renditions {
		for _, key := range s.Renditions[i].Keys() {
			if err := copyObject(ctx, from, to, key); err != nil {
				return fmt.Errorf("copy %s: %w", key, err)
			}
		}
	}
	return nil
}

func copyObject(ctx context.Context, from, to store.Store, key string) error {
	object, err := from.Open(ctx, key)
	if err != nil {
		return err
	}
	defer object.Close()
	w, err := to.Create(ctx, key, object.Size())
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.ReadFrom(io.NewSectionReader(object, 0, object.Size())); err != nil {
		return err
	}
	return w.Commit()
}

// writeSlots writes so many slots, of which the model is the last one. Its rendition
// stands for three.
func writeSlots(ctx context.Context, st store.Store, model archived, slots uint64) error {
	journal, err := st.Journal(ctx, "c0/hls")
	if err != nil {
		return err
	}
	revision, err := journal.Append(ctx, 0, fmt.Appendf(nil, `{"life":%q}`, model.Epoch))
	if err != nil {
		return err
	}
	last := *model.Slot
	one := last.Renditions[0]
	one.Duration = archiveSlot * failover.ClockRate
	for i := range slots {
		s, back := last, slots-1-i
		s.MSN -= back
		s.Start -= failover.Ticks(back) * archiveSlot * failover.ClockRate
		s.End = s.Start + archiveSlot*failover.ClockRate
		s.Published = s.Published.Add(-time.Duration(back) * archiveSlot * time.Second)
		s.Renditions = make([]output.Rendition, archiveRenditions)
		for k := range s.Renditions {
			r := one
			if k > 0 {
				r.Path = fmt.Sprintf("r%d/%s", k, one.Path)
				r.ID = output.RenditionID(r.Path)
			}
			s.Renditions[k] = r
		}
		text, err := json.Marshal(archived{Epoch: model.Epoch, Slot: &s, Seam: model.Seam})
		if err != nil {
			return err
		}
		if revision, err = journal.Append(ctx, revision, text); err != nil {
			return err
		}
	}
	return nil
}
