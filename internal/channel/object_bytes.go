package channel

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Objects that the origin reads again, or writes itself.

// read returns the bytes of a part.
func (o *objects) read(p output.Part) ([]byte, error) {
	object, err := o.store.Open(store.Urgent(context.Background()), p.Key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	data := make([]byte, p.Size)
	if n, err := object.ReadAt(data, p.Offset); n < len(data) {
		return nil, err
	}
	return data, nil
}

// probe reads an object from before the restart again.
func (o *objects) probe(ctx context.Context, key string) (media.Probed, error) {
	object, err := o.store.Open(ctx, key)
	if err != nil {
		return media.Probed{}, err
	}
	defer object.Close()
	prober := media.NewProber()
	if _, err := object.WriteTo(prober); err != nil {
		return media.Probed{}, fmt.Errorf("read object: %w", err)
	}
	return prober.Finish()
}

// probeInit reads an initialization section from before the restart.
func (o *objects) probeInit(ctx context.Context, key string) (*initSection, error) {
	probed, err := o.probe(ctx, key)
	if err != nil {
		return nil, err
	}
	if probed.Init == nil {
		return nil, fmt.Errorf("object %s holds none", key)
	}
	return newInitSection(probed.Init, key, time.Now()), nil
}

// write stores an object with one user. of is the part of its key that says what it belongs
// to.
func (o *objects) write(ctx context.Context, of string, size int64, content io.Reader) (*object, error) {
	key := o.key(of)
	w, err := o.store.Create(ctx, key, size)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	n, err := w.ReadFrom(content)
	if err != nil {
		return nil, err
	}
	if err := w.Commit(); err != nil {
		return nil, err
	}
	return o.add(key, n), nil
}
