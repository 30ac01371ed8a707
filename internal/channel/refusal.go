package channel

import "fmt"

// Refusal is an upload that was not accepted, with the reason for the encoder's operator.
type Refusal struct {
	Kind   RefusalKind
	Reason string
	// told: the core knows about it.
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
