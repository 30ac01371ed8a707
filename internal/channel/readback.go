package channel

import (
	"bytes"
	"context"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Get returns what the encoder itself put under the path. Errors: *Refusal for
// BadPath, store.ErrNotFound.
func (c *Channel) Get(ctx context.Context, input, rawPath string) (*File, error) {
	in, name, err := c.find(input, rawPath)
	if err != nil {
		return nil, err
	}
	f, ok := in.file(name)
	if !ok {
		return nil, store.ErrNotFound
	}
	if f.text != nil {
		return &File{Content: textContent{bytes.NewReader(f.text)}, ContentType: f.contentType, Modified: f.modified}, nil
	}
	key := f.key
	size, contentType, ok := c.objects.file(key)
	if !ok && f.same != "" {
		key = f.same
		size, contentType, ok = c.objects.file(key)
	}
	if !ok {
		in.forget(name, f.key)
		return nil, store.ErrNotFound
	}
	content, err := output.OpenParts(ctx, c.store, []output.Part{{Key: key, Size: size}})
	if err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return &File{Content: content, ContentType: contentType, Modified: f.modified}, nil
}

// Delete takes note that the encoder has no more use for the path. What an
// endpoint may need stays.
func (c *Channel) Delete(input, rawPath string) error {
	in, name, err := c.find(input, rawPath)
	if err != nil {
		return err
	}
	in.forget(name, "")
	return nil
}

// File is something to serve. The caller closes its Content.
type File struct {
	Content     output.Content
	ContentType string
	Modified    time.Time
}

// textContent is Content from memory.
type textContent struct{ *bytes.Reader }

func (textContent) Close() error { return nil }
