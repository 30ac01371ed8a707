package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/store"
)

// Refusal is an upload that was not taken, with the reason for the encoder's
// operator.
type Refusal struct {
	Kind   RefusalKind
	Reason string
	// told: the core knows of it.
	told bool
}

func (r *Refusal) Error() string { return r.Reason }

// RefusalKind says what was wrong with an upload.
type RefusalKind uint8

const (
	// BadPlaylist: the playlist cannot be read (HTTP 400). The last good one
	// stays in force.
	BadPlaylist RefusalKind = iota
	// BadPath: the path is not one that an object may have (HTTP 400).
	BadPath
	// BadMedia: the object is truncated or damaged (HTTP 400).
	BadMedia
	// UnsupportedMedia: the object is of a kind that can't be served, or it is
	// encrypted (HTTP 415).
	UnsupportedMedia
	// TooLarge: over MaxSegmentSize or MaxPlaylistSize (HTTP 413).
	TooLarge
	// TooMany: over MaxRenditions (HTTP 429).
	TooMany
)

func refuse(kind RefusalKind, format string, args ...any) error {
	return &Refusal{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// Put takes one upload of an encoder. rawPath is the escaped path below the
// input's path, without a leading slash; size is the announced length or -1.
// replaced tells that the input had an object of this path before. Nothing of an
// upload whose body ends with an error is ever seen. Errors: *Refusal,
// store.ErrFull, ErrClosed, and those of reading the body.
func (c *Channel) Put(ctx context.Context, input, rawPath string, body io.Reader, size int64) (replaced bool, err error) {
	in, config, err := c.inputFor(input)
	if err != nil {
		return false, err
	}
	name, err := hls.CleanPath(rawPath)
	if err != nil {
		return false, refuse(BadPath, "path: %v", err)
	}
	c.begin(in, name)
	defer c.done(in, input, name)
	head, err := readHead(body)
	if err != nil {
		return false, fmt.Errorf("read body: %w", err)
	}
	body = &sniffed{head: head, rest: body}
	switch {
	case hls.IsPlaylist(head) || strings.EqualFold(path.Ext(name), ".m3u8"):
		return c.putPlaylist(in, config, input, name, body)
	case isManifest(name, head):
		return c.putOther(in, config, name, body)
	}
	return c.putMedia(ctx, in, config, input, name, body, size)
}

// readHead reads enough of the body to tell what it is, or all of it. io.EOF is
// the clean end of a short body; anything else is one that broke off.
func readHead(body io.Reader) ([]byte, error) {
	head := make([]byte, 0, 16)
	for len(head) < cap(head) {
		n, err := body.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return head, nil
}

// sniffed is a body of which the head has been read already. Unlike that of
// io.MultiReader, its first read does not end with the head: what comes next gets as
// much at once as if nobody had looked.
type sniffed struct {
	head []byte
	rest io.Reader
}

func (s *sniffed) Read(p []byte) (int, error) {
	n := copy(p, s.head)
	s.head = s.head[n:]
	if n == len(p) && n > 0 {
		return n, nil
	}
	m, err := s.rest.Read(p[n:])
	return n + m, err
}

// isManifest reports whether the upload is a DASH manifest. Encoders that write
// DASH and HLS at once send it along; it is kept for them to read and is no
// media.
func isManifest(name string, head []byte) bool {
	return strings.EqualFold(path.Ext(name), ".mpd") || bytes.HasPrefix(head, []byte("<?xml"))
}

func (c *Channel) inputFor(name string) (*input, InputConfig, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.inputs[name]
	if c.closed || in == nil {
		return nil, InputConfig{}, ErrClosed
	}
	return in, in.config, nil
}

func (c *Channel) putOther(in *input, config InputConfig, name string, body io.Reader) (bool, error) {
	text, release, err := in.texts.receive(body, config.MaxPlaylistSize, "manifest")
	defer release()
	if err != nil {
		return false, err
	}
	return in.keepText(name, file{text: text, contentType: "application/dash+xml"}, maxOthers)
}

func (c *Channel) putPlaylist(in *input, config InputConfig, input, name string, body io.Reader) (bool, error) {
	text, release, err := in.texts.receive(body, config.MaxPlaylistSize, "playlist")
	defer release()
	if err != nil {
		return false, err
	}
	in.texts.reading.Lock()
	defer in.texts.reading.Unlock()
	playlist, err := hls.Parse(text, hls.Limits{Bytes: int(config.MaxPlaylistSize)})
	switch {
	case errors.Is(err, hls.ErrTooLarge):
		return false, refuse(TooLarge, "%v", err)
	case err != nil:
		return false, refuse(BadPlaylist, "%v", err)
	}
	var fact failover.Fact
	if playlist.Media != nil {
		keepNewest(playlist.Media)
		c.warnOfTags(input, name, playlist.Media)
		fact, err = mediaFact(config, input, name, playlist.Media)
	} else {
		fact, err = multivariantFact(config, input, name, playlist.Multivariant)
	}
	if err != nil {
		return false, err
	}
	kept := file{text: text, contentType: playlistType, rendition: playlist.Media != nil}
	limit := maxOthers
	if kept.rendition {
		limit = config.MaxRenditions
	}
	replaced, err := in.keepText(name, kept, limit)
	if err != nil {
		return false, err
	}
	if playlist.Multivariant != nil {
		return replaced, c.announce(in, fact.(failover.Multivariant), name, playlist.Multivariant, text)
	}
	return replaced, c.list(in, config, fact.(failover.Playlist), playlist.Media)
}

// list lets a media playlist into the core, and then into the binder: the core
// has to expect a segment before it is bound.
func (c *Channel) list(in *input, config InputConfig, fact failover.Playlist, m *hls.MediaPlaylist) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if err := c.claimIDs(fact.Path); err != nil {
		return err
	}
	c.noteListing(fact)
	c.step(fact)
	c.listMaps(in, fact.Input, config, fact.Path, m)
	return nil
}

const playlistType = "application/vnd.apple.mpegurl"

func (c *Channel) putMedia(ctx context.Context, in *input, config InputConfig, input, name string, body io.Reader, size int64) (bool, error) {
	if size > config.MaxSegmentSize {
		return false, refuse(TooLarge, "segment is larger than %d bytes", config.MaxSegmentSize)
	}
	key := c.objects.key(input)
	w, err := c.store.Create(ctx, key, size)
	if err != nil {
		return false, fmt.Errorf("create object: %w", err)
	}
	defer w.Abort()
	prober := media.NewProber()
	n, err := w.ReadFrom(io.TeeReader(io.LimitReader(body, config.MaxSegmentSize+1), prober))
	if err != nil {
		return false, fmt.Errorf("receive object: %w", err)
	}
	if n > config.MaxSegmentSize {
		return false, refuse(TooLarge, "segment is larger than %d bytes", config.MaxSegmentSize)
	}
	probed, err := prober.Finish()
	if err != nil {
		return false, c.unsound(input, name, err)
	}
	if err := w.Commit(); err != nil {
		return false, fmt.Errorf("commit object: %w", err)
	}
	c.objects.add(key, n)
	replaced := in.keepObject(name, key)
	return replaced, c.received(in, input, name, key, n, probed)
}

// unsound tells the core that what arrived counts as missing.
func (c *Channel) unsound(input, name string, cause error) error {
	reason := faultReason(cause)
	if err := c.apply(failover.Object{Input: input, Path: name, Fault: string(reason)}); err != nil {
		return err
	}
	kind := UnsupportedMedia
	switch reason {
	case media.ReasonTruncated, media.ReasonDamaged, media.ReasonEmpty:
		kind = BadMedia
	}
	return &Refusal{Kind: kind, Reason: cause.Error(), told: true}
}

func faultReason(err error) media.Reason {
	var fault *media.Fault
	if errors.As(err, &fault) {
		return fault.Reason
	}
	return media.ReasonGarbage
}

// Get returns what the encoder itself put under the path. Errors: *Refusal for
// BadPath, store.ErrNotFound.
func (c *Channel) Get(ctx context.Context, input, rawPath string) (*File, error) {
	in, _, err := c.inputFor(input)
	if err != nil {
		return nil, err
	}
	name, err := hls.CleanPath(rawPath)
	if err != nil {
		return nil, refuse(BadPath, "path: %v", err)
	}
	f, ok := in.file(name)
	if !ok {
		return nil, store.ErrNotFound
	}
	if f.text != nil {
		return &File{Content: textContent{bytes.NewReader(f.text)}, ContentType: f.contentType, Modified: f.modified}, nil
	}
	size, contentType, ok := c.objects.file(f.key)
	if !ok {
		in.forget(name, f.key)
		return nil, store.ErrNotFound
	}
	content, err := openSequence(ctx, c.store, []part{{Key: f.key, Size: size}})
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
	in, _, err := c.inputFor(input)
	if err != nil {
		return err
	}
	name, err := hls.CleanPath(rawPath)
	if err != nil {
		return refuse(BadPath, "path: %v", err)
	}
	in.forget(name, "")
	return nil
}

// File is something to serve. The caller closes its Content.
type File struct {
	Content     Content
	ContentType string
	Modified    time.Time
}
