package channel

import (
	"context"
	"fmt"

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
