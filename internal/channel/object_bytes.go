package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// rewrite stores a copy of the object with other continuity counters.
func (o *objects) rewrite(ob *object, delta media.CounterDelta) (*object, error) {
	key := o.key("joined")
	if err := o.copyWith(ob, key, delta); err != nil {
		return nil, err
	}
	copied := o.add(key, ob.size)
	// A slot takes these once; the copy itself has no use for them.
	return &object{key: copied.key, size: copied.size, info: ob.info, init: ob.init}, nil
}

func (o *objects) copyWith(ob *object, key string, delta media.CounterDelta) error {
	ctx := context.Background()
	source, err := output.OpenParts(ctx, o.store, []output.Part{{Key: ob.key, Size: ob.size}})
	if err != nil {
		return err
	}
	defer source.Close()
	w, err := o.store.Create(ctx, key, ob.size)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.ReadFrom(media.NewRewriter(source, delta)); err != nil {
		return err
	}
	return w.Commit()
}

// probe reads an object from before the restart once more.
func (o *objects) probe(ctx context.Context, key string) (media.Probed, error) {
	content, err := output.OpenParts(ctx, o.store, []output.Part{{Key: key, Size: o.get(key).size}})
	if err != nil {
		return media.Probed{}, err
	}
	defer content.Close()
	prober := media.NewProber()
	if _, err := content.WriteTo(prober); err != nil {
		return media.Probed{}, fmt.Errorf("read object: %w", err)
	}
	return prober.Finish()
}

// readInit reads an initialization section from before the restart.
func (o *objects) readInit(ctx context.Context, key string) (*initSection, error) {
	probed, err := o.probe(ctx, key)
	if err != nil {
		return nil, err
	}
	if probed.Init == nil {
		return nil, fmt.Errorf("object %s holds none", key)
	}
	return newInitSection(probed.Init, key, time.Now()), nil
}
