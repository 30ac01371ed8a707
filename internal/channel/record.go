package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// record is one entry of an endpoint's journal. The first one only names the life
// of the endpoint; every other one is a slot.
type record struct {
	// Life is part of all segment names, so that no name is ever used twice,
	// not even when numbers should repeat. Every record has it, as the older ones
	// are forgotten.
	Life string `json:"life,omitempty"`
	Slot *slot  `json:"slot,omitempty"`
	Seam *seam  `json:"seam,omitempty"`
	// Switch is the decision that came with the slot.
	Switch *failover.Switch `json:"switch,omitempty"`
}

// slot is a published slot as the journal holds it and views serve it. It never
// changes.
type slot struct {
	MSN                 uint64         `json:"msn"`
	Input               string         `json:"input"`
	Start               failover.Ticks `json:"start"`
	End                 failover.Ticks `json:"end"`
	Discontinuity       bool           `json:"discontinuity,omitempty"`
	DiscontinuityNumber uint64         `json:"discontinuity_number"`
	TargetDuration      int            `json:"target_duration"`
	Published           time.Time      `json:"published"`
	Renditions          []rendition    `json:"renditions"`
	// Tags are lines of the encoder's playlist that all renditions carry.
	Tags []string `json:"tags,omitempty"`
}

// rendition is what one rendition holds in a slot.
type rendition struct {
	// ID names the rendition towards viewers.
	ID       string         `json:"id"`
	Path     string         `json:"path"`
	Duration failover.Ticks `json:"duration"`
	// Parts is empty for a gap.
	Parts []part `json:"parts,omitempty"`
	// Map is the initialization section of fragmented MP4.
	Map    *section `json:"map,omitempty"`
	Size   int64    `json:"size,omitempty"`
	Format *format  `json:"format,omitempty"`
	// IFrames are the key frames of video that I-frame playlists list, and
	// IFrame is the number of the first one there, 0 as long as there was none.
	IFrames []iframe `json:"iframes,omitempty"`
	IFrame  uint64   `json:"iframe,omitempty"`
}

// part is a stretch of an object in the store.
type part struct {
	Key    string `json:"key"`
	Offset int64  `json:"offset,omitempty"`
	Size   int64  `json:"size"`
}

// section is an initialization section as viewers see it.
type section struct {
	// Name is its name below the endpoint's path. It is made from the exact
	// bytes.
	Name string `json:"name"`
	// ID is equal for sections that can stand in for one another.
	ID   string `json:"id"`
	Part part   `json:"part"`
}

// format is what a viewer has to know of a rendition's media.
type format struct {
	ContentType string  `json:"content_type"`
	Extension   string  `json:"extension"`
	Codecs      string  `json:"codecs,omitempty"`
	VideoCodec  string  `json:"video_codec,omitempty"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	FrameRate   float64 `json:"frame_rate,omitempty"`
	// KeyFrameFirst: a player can start with this segment.
	KeyFrameFirst bool `json:"key_frame_first,omitempty"`
}

// renditionID is the name of a rendition in the origin's own URLs: stable over
// restarts and the same on every node, and it tells nothing about the input. With 64
// bits nobody finds another path with the same one (see claimIDs).
func renditionID(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

func (s *slot) rendition(id string) *rendition {
	for i := range s.Renditions {
		if s.Renditions[i].ID == id {
			return &s.Renditions[i]
		}
	}
	return nil
}

// keys lists the objects that the rendition uses in the slot, each once.
func (r *rendition) keys() []string {
	var keys []string
	for _, p := range r.Parts {
		if len(keys) == 0 || keys[len(keys)-1] != p.Key {
			keys = append(keys, p.Key)
		}
	}
	if r.Map != nil {
		keys = append(keys, r.Map.Part.Key)
	}
	return keys
}

// segmentName is the name of a slot's segment below the endpoint's path.
func (r *rendition) segmentName(life string, msn uint64) string {
	extension := ".ts"
	if r.Format != nil {
		extension = r.Format.Extension
	}
	return r.ID + "/" + life + "-" + strconv.FormatUint(msn, 10) + extension
}

func decodeRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("decode journal record: %w", err)
	}
	return r, nil
}
