package channel

import (
	"bytes"
	"context"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// open opens what the input has under a path.
func (in *input) open(ctx context.Context, name string) (*File, error) {
	f, ok := in.file(name)
	if !ok {
		return nil, store.ErrNotFound
	}
	if f.text != nil {
		return &File{Content: textContent{bytes.NewReader(f.text)}, Size: int64(len(f.text)), ContentType: f.contentType, Modified: f.modified}, nil
	}
	key := f.key
	size, contentType, ok := in.objects.file(key)
	if !ok && f.same != "" {
		key = f.same
		size, contentType, ok = in.objects.file(key)
	}
	if !ok {
		in.forget(name, f.key)
		return nil, store.ErrNotFound
	}
	content, err := output.OpenParts(ctx, in.store, []output.Part{{Key: key, Size: size}})
	if err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return &File{Content: content, Size: size, ContentType: contentType, Modified: f.modified, Keys: []string{key}}, nil
}

// File is something to serve. The caller closes its Content.
type File struct {
	Content     output.Content
	Size        int64
	ContentType string
	Modified    time.Time
	// Keys are those of its objects in the store, for Channel.Deleted; a text has none.
	Keys []string
}

// textContent is Content from memory.
type textContent struct{ *bytes.Reader }

func (textContent) Close() error { return nil }
