package channel

import (
	"context"
	"errors"
	"io"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
)

// The requests of encoders.

// Put accepts one upload of an encoder. rawPath is the escaped path below the input's path,
// without a leading slash; size is the announced length or -1. replaced says that the input
// had an object under this path before. Nothing of an upload whose body ends with an error
// is ever seen. Errors: *Refusal, store.ErrFull, ErrClosed, and those of reading the body.
//
// The body is received without the channel's lock, which is taken once, when the upload has
// ended.
func (c *Channel) Put(ctx context.Context, input, rawPath string, body io.Reader, size int64) (replaced bool, err error) {
	in, path, err := c.find(input, rawPath)
	if err != nil {
		return false, err
	}
	d := &delivery{
		input: in, config: in.config.Load(), path: path, size: size,
		body: sniffed{rest: body}, turn: Turn{of: in.turns},
	}
	if packed, ok := body.(Packed); ok {
		packed.TakeTurns(&d.turn)
	}
	d.from, _ = ctx.Value(sender{}).(string)
	d.began = in.begin(path)
	if c.nodes != nil {
		c.nodes.tellBegun(d)
	}
	var admit func() error
	// Deferred, as reading a body may panic.
	defer func() {
		if c.nodes != nil {
			c.nodes.waitAwake()
			if c.nodes.tell(d, admit, err) {
				return // it is passed on to the core once another node has it
			}
		}
		if refused := c.finish(d, admit); refused != nil && (err == nil || admit != nil) {
			err = refused
		}
	}()
	defer d.turn.Give()
	admit, replaced, err = d.take(ctx)
	return replaced, err
}

// sender is the key of a context value.
type sender struct{}

// From says which address the uploads of a context come from: it tells two encoders on one input path
// from one that restarts.
func From(ctx context.Context, address string) context.Context {
	if address == "" {
		return ctx
	}
	return context.WithValue(ctx, sender{}, address)
}

// finish ends an upload. admit passes on what it has brought; nil for nothing.
func (c *Channel) finish(d *delivery, admit func() error) (err error) {
	c.mu.Lock()
	defer c.unlock()
	d.input.end(d.path, d.began)
	if c.closed {
		if d.key != "" {
			c.objects.release(d.key)
		}
		return ErrClosed
	}
	c.ids.bound(c.endpoints)
	if admit != nil {
		err = admit()
	}
	d.input.bindWaiting()
	d.input.freeHeld()
	d.input.checkWaits()
	if c.soon || d.input.waiting() {
		c.arm(c.now()) // a fragment that waits is no fact, and must not wait for the next one
	}
	return err
}

// Get returns what the encoder itself put under the path. Errors: *Refusal for
// BadPath, store.ErrNotFound.
func (c *Channel) Get(ctx context.Context, input, rawPath string) (*File, error) {
	in, name, err := c.find(input, rawPath)
	if err != nil {
		return nil, err
	}
	return in.open(ctx, name)
}

// Delete records that the encoder no longer needs the path. What an
// endpoint may need stays.
func (c *Channel) Delete(input, rawPath string) error {
	in, name, err := c.find(input, rawPath)
	if err != nil {
		return err
	}
	in.forget(name, "")
	if c.nodes != nil {
		c.nodes.group.Send(message{Deleted: &deletedMessage{Input: input, Path: name}}.encode())
	}
	return nil
}

// NoteRefusal tells those who watch that an upload of an input was refused or
// broke off, which the core never hears of. path is below the input's path.
func (c *Channel) NoteRefusal(input, path string, cause error) {
	var refusal *Refusal
	if errors.As(cause, &refusal) && refusal.told {
		return
	}
	notes := c.Activity()
	if notes == nil {
		return
	}
	notes.Refused(input, path, cause.Error(), func() (failover.Located, bool) {
		c.mu.Lock()
		defer c.unlock()
		return c.core.Locate(input, path, "")
	})
}

// find returns the input, and the path below it.
func (c *Channel) find(name, rawPath string) (*input, string, error) {
	in := c.directory.Load().inputs[name]
	if in == nil {
		return nil, "", ErrClosed
	}
	path, err := hls.CleanPath(rawPath)
	if err != nil {
		return nil, "", refuse(BadPath, "%v", err)
	}
	return in, path, nil
}
