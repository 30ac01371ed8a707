package output

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// Slot is a published slot as the journal holds it and views serve it. It never changes.
type Slot struct {
	MSN                 uint64         `json:"msn"`
	Input               string         `json:"input"`             // the active one
	Sources             []string       `json:"sources,omitempty"` // of the media, where that is not Input alone
	Start               failover.Ticks `json:"start"`             // by the dates that viewers get
	End                 failover.Ticks `json:"end"`
	Dated               failover.Ticks `json:"dated,omitempty"` // see failover.Slot.Dated
	Discontinuity       bool           `json:"discontinuity,omitempty"`
	DiscontinuityNumber uint64         `json:"discontinuity_number"`
	TargetDuration      int            `json:"target_duration"`
	Published           time.Time      `json:"published"`
	Head                uint64         `json:"head,omitempty"` // what the live playlist begins with when it lists this one; of one node
	Renditions          []Rendition    `json:"renditions"`
	// Penalty is what the slot lacks to a score of 100; see failover.Slot.Score.
	Penalty int `json:"penalty,omitempty"`
	// Tags are lines of the encoder's playlist that all renditions carry.
	Tags []string `json:"tags,omitempty"`
	// Writer tells apart what several nodes have made of one number while they did not hear
	// of each other, and what a process has made of one whose record the one before it has lost with
	// the power; empty in the first process of one node. It is part of the names of segments.
	Writer string `json:"writer,omitempty"`

	// passed is how many discontinuity numbers lie between that of the slot before, in a window, and
	// this one's: where nodes meet, they go on from the highest number of all of them.
	passed uint64
	// running are the date ranges that go on after it, in a window, if it has some of its own.
	running []*dateRange
	// before is what the slots before it in the window come to, since that was made.
	before amount
}

// amount is how much some slots are.
type amount struct {
	bytes, segments int64
	length          failover.Ticks
}

// with is the amount of those and of one more.
func (x amount) with(s *Slot) amount {
	for i := range s.Renditions {
		x.bytes += s.Renditions[i].Size
	}
	x.segments += int64(len(s.Renditions))
	x.length += max(0, s.End-s.Start)
	return x
}

// mostPassed is how many discontinuity numbers a slot passes over at most: each is a line in
// playlists. Where it would be more, players see the number of a slot change.
const mostPassed = 64

// passOver notes which discontinuity numbers no slot has.
func (s *Slot) passOver(before *Slot) {
	if next := before.DiscontinuityNumber + 1; s.Discontinuity && s.DiscontinuityNumber > next {
		s.passed = min(s.DiscontinuityNumber-next, mostPassed)
	}
}

// Rendition is what one rendition holds in a slot.
type Rendition struct {
	// ID is the rendition's name as viewers see it.
	ID       string         `json:"id"`
	Path     string         `json:"path"`
	Duration failover.Ticks `json:"duration"`
	// Parts is empty for a gap.
	Parts []Part `json:"parts,omitempty"`
	// Map is the initialization section of fragmented MP4.
	Map    *Section `json:"map,omitempty"`
	Size   int64    `json:"size,omitempty"`
	Format *Format  `json:"format,omitempty"`
	// Defects are what is bad about its media.
	Defects []failover.Defect `json:"defects,omitempty"`
	// IFrames are the key frames of video that I-frame playlists list, and
	// IFrame is the number of the first one there, 0 as long as there was none.
	IFrames []IFrame `json:"iframes,omitempty"`
	IFrame  uint64   `json:"iframe,omitempty"`
}

// Part is a stretch of an object in the store.
type Part struct {
	Key    string `json:"key"`
	Offset int64  `json:"offset,omitempty"`
	Size   int64  `json:"size"`
	// Counters is what viewers get added to the continuity counters of a transport stream, which
	// begins with a packet: they go on from the part before.
	Counters media.CounterDelta `json:"counters,omitempty"`
	// CueShift is what viewers get added to the cue times of WebVTT, in ticks, and Unshifted is how long
	// the object is that this is done to; 0 for none. Offset and Size are those of the result.
	CueShift  int64 `json:"cue_shift,omitempty"`
	Unshifted int64 `json:"unshifted,omitempty"`
}

// Extent is how many bytes of its object the part reaches to.
func (p Part) Extent() int64 {
	if p.CueShift != 0 {
		return p.Unshifted
	}
	return p.Offset + p.Size
}

// Section is an initialization section as viewers see it.
type Section struct {
	// Name is its name below the endpoint's path. It is made from the exact
	// bytes.
	Name string `json:"name"`
	// ID is equal for sections that can stand in for one another.
	ID   string `json:"id"`
	Part Part   `json:"part"`
}

// Format is what a viewer has to know about a rendition's media.
type Format struct {
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

// RenditionID is the name of a rendition in the origin's own URLs: stable across restarts,
// the same on every node, and silent about the input. At 64 bits, nobody finds another path
// with the same one.
func RenditionID(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

// isRenditionID reports whether a name could be one of them.
func isRenditionID(name string) bool {
	sum, err := hex.DecodeString(name)
	return err == nil && len(sum) == 8
}

// begins and ends are the times of the slot on the channel's clock. They rise from slot to slot, which
// those that an encoder with a wrong clock claims, Start and End, need not do.
func (s *Slot) begins() failover.Ticks { return s.Start - s.Dated }

func (s *Slot) ends() failover.Ticks { return s.End - s.Dated }

// From names the inputs that the media came from, the active one first.
func (s *Slot) From() string {
	if len(s.Sources) > 0 {
		return strings.Join(s.Sources, "+")
	}
	return s.Input
}

func (s *Slot) Rendition(id string) *Rendition {
	for i := range s.Renditions {
		if s.Renditions[i].ID == id {
			return &s.Renditions[i]
		}
	}
	return nil
}

// Keys lists the objects that the rendition uses in the slot, each once.
func (r *Rendition) Keys() []string {
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
func (r *Rendition) segmentName(epoch string, s *Slot) string {
	return r.ID + "/" + epoch + "-" + s.number() + r.extension()
}

func (r *Rendition) extension() string {
	if r.Format == nil {
		return ".ts"
	}
	return r.Format.Extension
}

// number is the slot's number in names: what is made twice has two names.
func (s *Slot) number() string {
	number := strconv.FormatUint(s.MSN, 10)
	if s.Writer != "" {
		number += "-" + s.Writer
	}
	return number
}
