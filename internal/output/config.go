package output

import "time"

// Config is what the operator has configured for the viewers of an endpoint. All values are
// set; defaults are filled in by the caller.
type Config struct {
	// PlaylistWindow is how much media the live playlist lists; at least three
	// segments.
	PlaylistWindow time.Duration
	// StartoverWindow is how far back from the newest slot viewers may start;
	// slots are kept for that long. Default: 0, only the live playlist.
	StartoverWindow time.Duration
	// OnInputLoss is what viewers see when no input delivers. Default: Hold.
	OnInputLoss InputLoss
	Limits
	// VariantOrder is the order of the variants. Default: Original.
	VariantOrder VariantOrder
	// IFramePlaylist adds I-frame playlists for trick play.
	IFramePlaylist bool
	// ManifestName is the file name of the multivariant playlist without
	// ".m3u8".
	ManifestName string
}

// Limits are the bits per second between which variants with video are served, as
// the encoders declare them in BANDWIDTH. Default: 0, no limit.
type Limits struct{ MinBitrate, MaxBitrate uint64 }

// VariantOrder is the order of the variants in the multivariant playlist. Players usually
// start with the first one.
type VariantOrder string

const (
	// Original is the encoder's order.
	Original VariantOrder = "original"
	// Ascending and Descending sort by BANDWIDTH.
	Ascending  VariantOrder = "ascending"
	Descending VariantOrder = "descending"
)

// InputLoss says what viewers see when no input delivers.
type InputLoss string

const (
	// Hold leaves the playlist as it is.
	Hold InputLoss = "hold"
	// Gap lists EXT-X-GAP segments on schedule.
	Gap InputLoss = "gap"
	// Fail makes playlists unavailable once nothing has been published for three target
	// durations, so that a CDN turns to another origin.
	Fail InputLoss = "error"
)
