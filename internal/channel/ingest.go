package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// delivery is one upload of an encoder.
type delivery struct {
	input  *input
	config *InputConfig // as it was when the upload began
	path   string       // below the input's path
	from   string       // the encoder's address, empty if it is not known
	began  time.Time
	// begunTold: the other nodes know that it has begun.
	begunTold bool
	// size is the announced length or -1, and for media the true one in the end.
	size int64
	// key is that of the object in the store, empty if there is none (yet); hash tells its
	// bytes from others.
	key, hash string
	// text is that of a playlist or manifest that was accepted, fault what is wrong with
	// media.
	text  []byte
	fault failover.Reason
	body  sniffed
	turn  Turn
}

// take receives the body. admit, called with the channel's lock held, passes the upload to
// the core; it is nil if there is nothing that the core has to know.
func (d *delivery) take(ctx context.Context) (admit func() error, replaced bool, err error) {
	head, err := d.body.sniff()
	if err != nil {
		return nil, false, fmt.Errorf("read body: %w", err)
	}
	switch {
	case hls.IsPlaylist(head) || strings.EqualFold(path.Ext(d.path), ".m3u8"):
		admit, replaced, err = d.takePlaylist()
		return d.outcome(admit, err), replaced, err
	case isManifest(d.path, head):
		replaced, err = d.takeManifest()
		return nil, replaced, err
	}
	return d.takeMedia(ctx)
}

// sniffed is a body whose head is read first, to tell what it is. Unlike with
// io.MultiReader, the first read does not end with the head: the next reader gets as much
// at once as if nobody had looked.
type sniffed struct {
	buffer [16]byte
	head   []byte // the part of buffer that is still unread
	rest   io.Reader
}

// sniff reads enough of the body to tell what it is, or all of it. io.EOF is the clean
// end of a short body; anything else is one that broke off.
func (s *sniffed) sniff() ([]byte, error) {
	n := 0
	for n < len(s.buffer) {
		m, err := s.rest.Read(s.buffer[n:])
		n += m
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	s.head = s.buffer[:n]
	return s.head, nil
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

// isManifest reports whether the upload is a DASH manifest. Encoders that write DASH and
// HLS at once send it along; it is kept for them to read, and is not media. Other XML is no
// manifest: under the name of a segment, it is what a storage said instead of sending one.
func isManifest(name string, head []byte) bool {
	return strings.EqualFold(path.Ext(name), ".mpd") || bytes.HasPrefix(head, []byte("<MPD"))
}

func (d *delivery) takeManifest() (replaced bool, err error) {
	text, release, err := d.input.texts.receive(&d.body, d.size, d.config.MaxPlaylistSize, "manifest")
	defer release()
	if err != nil {
		return false, err
	}
	d.text = text
	return d.keepOther(text, "application/dash+xml")
}

const playlistType = "application/vnd.apple.mpegurl"

// keepOther keeps a text that is no media playlist.
func (d *delivery) keepOther(text []byte, contentType string) (replaced bool, err error) {
	return d.input.keepText(d.path, file{text: text, contentType: contentType}, maxOthers+d.config.MaxRenditions)
}

func (d *delivery) takePlaylist() (admit func() error, replaced bool, err error) {
	text, release, err := d.input.texts.receive(&d.body, d.size, d.config.MaxPlaylistSize, "playlist")
	defer release()
	if err != nil {
		return nil, false, err
	}
	d.text = text
	d.turn.Take()
	playlist, err := hls.Parse(text, hls.Limits{Bytes: int(d.config.MaxPlaylistSize), Segments: listedAtMost})
	switch {
	case errors.Is(err, hls.ErrTooLarge):
		return nil, false, refuse(TooLarge, "%v", err)
	case err != nil:
		return nil, false, refuse(BadPlaylist, "%v", err)
	}
	odd := &oddities{path: d.path}
	odd.notes(playlist.Notes)
	odd.size(int64(len(text)), d.config.MaxPlaylistSize)
	switch m := playlist.Media; {
	case m == nil:
		return d.takeMultivariant(text, playlist.Multivariant, odd)
	case m.IFramesOnly():
		odd.add(NoticeIFrames, 0, "", "a playlist of single pictures (EXT-X-I-FRAMES-ONLY): kept for the encoder, and not served")
		replaced, err = d.keepOther(text, playlistType)
		return func() error {
			d.input.tell(*odd)
			return nil
		}, replaced, err
	default:
		fact, err := mediaFact(d.config, d.path, m, odd)
		if err != nil {
			return nil, false, err
		}
		fact.From = d.from
		kept := file{text: text, contentType: playlistType, rendition: true}
		if replaced, err = d.input.keepText(d.path, kept, d.config.MaxRenditions); err != nil {
			return nil, false, err
		}
		maps := mapsOf(d.config, d.path, m, &fact, odd)
		return func() error {
			d.input.warnOfTags(d.path, m)
			return d.list(fact, m, maps, odd)
		}, replaced, nil
	}
}

// size warns of a playlist that grows, before it is refused for its size.
func (o *oddities) size(bytes, limit int64) {
	if bytes > limit/5*4 {
		o.add(NoticeSize, 0, "", fmt.Sprintf("a playlist of %d bytes; over %d bytes (max_playlist_size) it is refused", bytes, limit))
	}
}

// bytesPerRendition is how long a multivariant playlist may be, for each rendition that is
// allowed. Each one becomes a record of a journal.
const bytesPerRendition = 16 << 10

func (d *delivery) takeMultivariant(text []byte, m *hls.MultivariantPlaylist, odd *oddities) (admit func() error, replaced bool, err error) {
	fact, err := multivariantFact(d.config, d.path, m, odd)
	if limit := bytesPerRendition * d.config.MaxRenditions; err == nil && len(text) > limit {
		err = refuse(TooLarge, "multivariant playlist is larger than %d bytes (16 KiB for each of max_renditions)", limit)
	}
	if err != nil {
		return nil, false, err
	}
	replaced, err = d.keepOther(text, playlistType)
	if err != nil {
		return nil, false, err
	}
	return func() error {
		if err := d.announce(fact, m, text); err != nil {
			return err
		}
		d.input.waits.refused.taken = time.Now()
		d.input.tell(*odd)
		return nil
	}, replaced, nil
}

func (d *delivery) takeMedia(ctx context.Context) (admit func() error, replaced bool, err error) {
	limit := d.config.MaxSegmentSize
	if d.size > limit {
		return nil, false, refuse(TooLarge, "segment is larger than %d bytes (max_segment_size)", limit)
	}
	key := d.input.objects.key(d.config.Name)
	w, err := d.input.store.Create(ctx, key, d.size)
	if err != nil {
		return nil, false, fmt.Errorf("create object: %w", err)
	}
	defer w.Abort()
	prober, digest := d.probing(), xxhash.New()
	probing := &inTurn{turn: &d.turn, to: io.MultiWriter(prober, digest)}
	n, err := w.ReadFrom(io.TeeReader(io.LimitReader(&d.body, limit+1), probing))
	if err != nil {
		return nil, false, fmt.Errorf("receive object: %w", err)
	}
	if n > limit {
		return nil, false, refuse(TooLarge, "segment is larger than %d bytes (max_segment_size)", limit)
	}
	probed, err := prober.Finish()
	d.learnTables(probed, err)
	if err != nil {
		return d.unsound(err), false, refusalOf(err)
	}
	if err := w.Commit(); err != nil {
		return nil, false, fmt.Errorf("commit object: %w", err)
	}
	d.input.objects.receive(d.config.Name, key, n)
	d.input.objects.supplyFor(probed.Info)
	d.key, d.size, d.hash = key, n, strconv.FormatUint(digest.Sum64(), 36)
	return func() error {
		d.receive(probed)
		return nil
	}, d.input.keepObject(d.path, key, d.hash), nil
}

// unsound tells the core that what arrived counts as missing.
func (d *delivery) unsound(cause error) func() error {
	d.fault = failover.Reason(faultReason(cause))
	return func() error {
		d.input.channel.step(failover.Object{Input: d.config.Name, Path: d.path, Fault: d.fault})
		return nil
	}
}

// refusalOf tells the encoder that its media is not sound.
func refusalOf(cause error) *Refusal {
	kind := UnsupportedMedia
	switch faultReason(cause) {
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
