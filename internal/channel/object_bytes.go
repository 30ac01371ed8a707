package channel

import (
	"context"
	"fmt"
	"io"
	"strings"
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

// noCues is an object of WebVTT without cues, with one more user. All slots share it.
func (o *objects) noCues() (*object, error) {
	if o.silent != "" {
		if ob := o.use(o.silent); ob != nil {
			return ob, nil
		}
	}
	ob, err := o.write(context.Background(), "silent", int64(len(media.NoCues)), strings.NewReader(media.NoCues))
	if err != nil {
		return nil, fmt.Errorf("store text without cues: %w", err)
	}
	o.silent = ob.key // the use that it was written with is kept
	return o.use(ob.key), nil
}

// rewrite stores a copy of the object with other bytes, and releases one use of the object.
func (o *objects) rewrite(ob *object, with func(io.Reader) io.Reader) (*object, error) {
	ctx := context.Background()
	source, err := output.OpenParts(ctx, o.store, []output.Part{{Key: ob.key, Size: ob.size}})
	if err != nil {
		return nil, fmt.Errorf("rewrite segment: %w", err)
	}
	defer source.Close()
	copied, err := o.write(ctx, "joined", -1, with(source))
	if err != nil {
		return nil, fmt.Errorf("rewrite segment: %w", err)
	}
	o.release(ob.key)
	// The slot takes these once; the copy itself has no use for them.
	return &object{key: copied.key, size: copied.size, info: ob.info, init: ob.init}, nil
}
