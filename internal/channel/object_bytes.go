package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

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
