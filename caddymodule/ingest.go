package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/store"
)

const inputMethods = "GET, HEAD, PUT, POST, DELETE, OPTIONS, MKCOL"

// serveInput serves an encoder. path is escaped and begins below the input's path.
func (h *Handler) serveInput(w http.ResponseWriter, r *http.Request, rt *route, path string) error {
	// Before anything else: a request that may not pass costs no byte of its body.
	if status, err := rt.guard.check(w, r); err != nil {
		return h.refuseUnknown(w, r, rt, status, err)
	}
	if !rt.use.shared.acquire() {
		return h.refuse(w, r, rt, http.StatusServiceUnavailable, channel.ErrClosed)
	}
	defer rt.use.shared.release()
	ch := rt.use.shared.channel
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		return h.upload(w, r, rt, ch, path)
	case http.MethodGet, http.MethodHead:
		return h.readBack(w, r, rt, ch, path)
	case http.MethodDelete:
		// The folder itself, as uploaders that tidy up delete it, is not there.
		if path != "" && path != "." {
			if err := ch.Delete(rt.input.Name, path); err != nil {
				return h.refuse(w, r, rt, statusOf(err), err)
			}
		}
		rt.answer(w, http.StatusNoContent)
	case http.MethodOptions:
		w.Header().Set("Allow", inputMethods)
		w.Header().Set("DAV", "1")
		rt.answer(w, http.StatusNoContent)
	case "MKCOL":
		// There are no directories to make, but encoders that write over WebDAV
		// give up if it fails.
		rt.answer(w, http.StatusCreated)
	default:
		w.Header().Set("Allow", inputMethods)
		return h.refuse(w, r, rt, http.StatusMethodNotAllowed, errors.New("an input takes only "+inputMethods+instead(r.Method)))
	}
	return nil
}

// instead says what a sender should do that writes as if to a folder: it begins with a look at what
// is there, or gives a file its name only when it is complete.
func instead(method string) string {
	switch method {
	case "MOVE", "COPY":
		return "; send every file under its final name: an upload is not seen before it is complete"
	case "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK":
		return "; it is no WebDAV folder: send files with PUT, without a look at what is there"
	}
	return ""
}

// refuseUnknown answers those who may not use the input. Wrong credentials are logged
// separately: there may be thousands of them, from anywhere.
func (h *Handler) refuseUnknown(w http.ResponseWriter, r *http.Request, rt *route, status int, reason error) error {
	switch {
	case status == http.StatusUnauthorized && rt.guard.challenged(r, reason):
		// Not counted: with some encoders every upload begins like this.
		return fail(w, r, status, reason)
	case status == http.StatusUnauthorized && r.Header.Get("Authorization") != "":
		failures.add(clientAddr(r), rt, reason, h.logger)
		rt.use.shared.channel.NoteRefusal(rt.input.Name, strings.TrimPrefix(r.URL.Path, rt.input.Path+"/"), reason)
		heldBack.hold(w, r)
	case errors.Is(reason, errBusy):
		heldBack.hold(w, r)
		return h.refuse(w, r, rt, status, reason)
	default:
		return h.refuse(w, r, rt, status, reason)
	}
	rt.countRequest(status)
	return fail(w, r, status, reason)
}

// answer sends a status without a body.
func (rt *route) answer(w http.ResponseWriter, status int) {
	rt.countRequest(status)
	w.WriteHeader(status)
}

func (h *Handler) upload(w http.ResponseWriter, r *http.Request, rt *route, ch *channel.Channel, path string) error {
	if name := nameInQuery(path, r.URL.RawQuery); name != "" {
		err := fmt.Errorf("the name of the upload is in the query (%q); it has to be part of the path, as in %s/seg1.ts", name, rt.input.Path)
		return h.refuse(w, r, rt, http.StatusBadRequest, err)
	}
	leave, ok := rt.use.shared.admitted.enter(rt.input.Name, rt.input.MaxUploads)
	if !ok {
		err := fmt.Errorf("more than %d uploads at a time (max_uploads)", rt.input.MaxUploads)
		return h.refuse(w, r, rt, http.StatusTooManyRequests, err)
	}
	defer leave()
	h.app.watchClock()
	limit, option := uploadLimit(rt.input, path)
	body, size, err := newUploadBody(w, r, limit, option, *rt.input.MinUploadRate)
	if err != nil {
		return h.refuse(w, r, rt, statusOf(err), err)
	}
	defer body.done()
	defer rt.use.shared.uploads.begin(rt.input.Name, path, size)()
	reservation := rt.use.shared.reserve(rt.input.Name, size, h.logger)
	defer reservation.done() // also if it panics
	body.arrived = reservation.arrived
	ctx := r.Context()
	if from := clientAddr(r); from.IsValid() {
		ctx = channel.From(ctx, from.String())
	}
	replaced, err := ch.Put(ctx, rt.input.Name, path, body, size)
	rt.countBytes(body.read)
	if errors.Is(err, store.ErrFull) {
		h.app.storeFull(rt)
	}
	if err != nil {
		// The body's own error says more than what came of it.
		if body.err != nil {
			err = body.err
		}
		return h.refuse(w, r, rt, statusOf(err), err)
	}
	status := http.StatusCreated
	if replaced {
		status = http.StatusNoContent
	}
	if c := h.logger.Check(zapcore.DebugLevel, "upload accepted"); c != nil {
		c.Write(zap.String("channel", rt.channel), zap.String("input", rt.input.Name),
			zap.String("path", path), zap.Int64("bytes", body.read), zap.Bool("replaced", replaced))
	}
	rt.answer(w, status)
	return nil
}

// nameInQuery returns the part of a query that looks like the name of the upload, which some senders
// put there, as for a script that takes uploads. Whatever it is called there, it is one if it ends like
// media and the path does not.
func nameInQuery(name, query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			value = key
		}
		switch strings.ToLower(key) {
		case "file", "filename", "file_name":
			if found && value != "" {
				return pair
			}
		}
		if !endsLikeMedia(name) && endsLikeMedia(value) {
			return pair
		}
	}
	return ""
}

func endsLikeMedia(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".m3u8", ".mpd", ".ts", ".m4s", ".mp4", ".m4v", ".m4a", ".cmfv", ".cmfa", ".cmft", ".aac", ".ac3", ".ec3", ".mp3", ".vtt":
		return true
	}
	return false
}

// uploadLimit is the limit that can be told from the path alone, and the option that it is. A playlist
// with another extension is held to its own limit by the channel.
func uploadLimit(in *Input, path string) (limit int64, option string) {
	if strings.HasSuffix(strings.ToLower(path), ".m3u8") || in.MaxPlaylistSize > in.MaxSegmentSize {
		return in.MaxPlaylistSize, "max_playlist_size"
	}
	return in.MaxSegmentSize, "max_segment_size"
}

// readBack returns what the encoder itself put there.
func (h *Handler) readBack(w http.ResponseWriter, r *http.Request, rt *route, ch *channel.Channel, path string) error {
	f, err := ch.Get(r.Context(), rt.input.Name, path)
	var refusal *channel.Refusal
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &refusal) {
		// No warning: an encoder asks for this at its first start.
		rt.countRequest(http.StatusNotFound)
		return fail(w, r, http.StatusNotFound, errors.New("the input has nothing under this path"))
	}
	if err != nil {
		return h.refuse(w, r, rt, statusOf(err), err)
	}
	defer f.Content.Close()
	w.Header()["Content-Type"] = []string{f.ContentType}
	w.Header()["Cache-Control"] = noStore
	// ServeContent deals with ranges and conditions, and chooses the status.
	d := rt.use.shared.downloads.begin(w, r, f.Keys, "", rt.patience)
	defer rt.use.shared.endDownload(d)
	recorded := caddyhttp.NewResponseRecorder(d, nil, nil)
	http.ServeContent(recorded, withRange(r, f.Size), "", f.Modified, f.Content)
	rt.countRequest(recorded.Status())
	if d.broken {
		abort(r)
	}
	return nil
}

var errHungUp = errors.New("the upload broke off: the encoder has hung up")

// refuse answers an encoder, and informs its operator. An encoder that is refused repeats
// itself forever, so it is logged only once in a while.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, rt *route, status int, reason error) error {
	if status == http.StatusInternalServerError && r.Context().Err() != nil {
		// Whatever failed for that, nothing is wrong with the origin.
		status, reason = http.StatusBadRequest, errHungUp
	}
	rt.countRequest(status)
	rt.use.shared.channel.NoteRefusal(rt.input.Name, strings.TrimPrefix(r.URL.Path, rt.input.Path+"/"), reason)
	key := refusalKey{channel: rt.channel, input: rt.input.Name, status: status, kind: -1}
	var refusal *channel.Refusal
	if errors.As(reason, &refusal) {
		key.kind = int(refusal.Kind)
	}
	h.quiet.log(h.logger, zap.WarnLevel, key, "upload refused",
		zap.String("channel", rt.channel), zap.String("input", rt.input.Name),
		zap.String("method", r.Method), zap.String("path", r.URL.Path),
		zap.String("client_ip", clientIP(r)), zap.Int("status", status), zap.Error(reason))
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInsufficientStorage:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "1")
		}
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip")
	}
	return fail(w, r, status, reason)
}

type refusalKey struct {
	channel, input string
	status         int
	kind           int // of a channel.Refusal, else -1
}

// statusOf maps what went wrong to a status.
func statusOf(err error) int {
	var refusal *channel.Refusal
	var broken *bodyError
	switch {
	case errors.As(err, &refusal):
		return statusOfRefusal(refusal.Kind)
	case errors.As(err, &broken):
		return broken.status
	case errors.Is(err, store.ErrFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, channel.ErrClosed), errors.Is(err, store.ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func statusOfRefusal(kind channel.RefusalKind) int {
	switch kind {
	case channel.BadPlaylist, channel.BadPath, channel.BadMedia:
		return http.StatusBadRequest
	case channel.UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case channel.TooLarge:
		return http.StatusRequestEntityTooLarge
	case channel.TooMany:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}
