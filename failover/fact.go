package failover

import "time"

// Fact is something that happened at an input. Facts and the time are all the
// core knows of the world.
type Fact interface{ fact() }

// Object is the fact that an encoder delivered a media object, from its first
// byte to its last. What broke off on the way is not a fact.
type Object struct {
	Input string
	// Path is the object's place below the input path. A later object of the
	// same path replaces it.
	Path string
	// ID names the object's bytes in the store. It is opaque here and never
	// used twice.
	ID   string
	Size int64
	// Media is what probing found; nil for an object that is unsound.
	Media *Media
	// Fault is the reason why the object is unsound: "truncated", "garbage", ...
	// Such an object counts as missing.
	Fault string
}

// Media is what the core needs to know of a segment's content.
type Media struct {
	// Start and End are the presentation times of the reference track (video if
	// there is one) as the encoder wrote them. End - Start is the duration.
	Start, End Ticks
	// Modulus is where the encoder's timestamps wrap: 1<<33 for MPEG-TS, 0 for
	// timestamps that do not.
	Modulus Ticks
	// Frame is the length of one frame of the reference track.
	Frame Ticks
	// Video says that there is a video track.
	Video bool
	// Untimed says that the object does not tell its position, as WebVTT: Start
	// and End mean nothing, and it lies where the reference rendition's segment
	// of the same number lies.
	Untimed bool
	// Signature is equal for two segments exactly when one can follow the other
	// with no discontinuity as far as format, track layout and codec
	// configuration go.
	Signature string
}

// Playlist is the fact that an encoder delivered a media playlist.
type Playlist struct {
	Input string
	// Path is the playlist's place below the input path, and the name by which
	// the renditions of several inputs are matched.
	Path string
	// TargetDuration is the playlist's EXT-X-TARGETDURATION.
	TargetDuration time.Duration
	// EndList is true for a playlist with EXT-X-ENDLIST.
	EndList  bool
	Segments []ListedSegment
}

// ListedSegment is one segment of an encoder's media playlist.
type ListedSegment struct {
	// Number is the encoder's own media sequence number.
	Number uint64
	// Path is the object's place below the input path.
	Path string
	// Duration is what EXTINF claims. Measured times replace it.
	Duration Ticks
	// Discontinuity is true if EXT-X-DISCONTINUITY precedes the segment.
	Discontinuity bool
	// Gap is true if EXT-X-GAP marks the segment as absent.
	Gap bool
	// ProgramDateTime is zero if the playlist does not say.
	ProgramDateTime time.Time
	// Cue is true if a slot has to begin with the segment, so that what is said
	// of it (the beginning of a break) is not hidden within a joined slot.
	Cue bool
	// Tags go with the segment into the slot. They mean nothing here.
	Tags []string
}

// Multivariant is the fact that an encoder delivered a multivariant playlist,
// and with it the list of renditions it means to deliver.
type Multivariant struct {
	Input      string
	Renditions []Announced
}

// Announced is one rendition of a multivariant playlist.
type Announced struct {
	Path string
	Kind Kind
}

// Kind tells variants from alternative renditions.
type Kind uint8

const (
	// Variant is a media playlist of EXT-X-STREAM-INF.
	Variant Kind = iota
	// Audio, Subtitles and OtherMedia are the types of EXT-X-MEDIA.
	Audio
	Subtitles
	OtherMedia
)

// Order is the fact that the operator wants an endpoint on an input. The endpoint
// goes there with the next slot that the input has whole, at the price of a
// discontinuity if need be. With Pin it goes back whenever it had to leave; an
// Order with an empty Input takes back what was ordered.
type Order struct {
	Endpoint, Input string
	Pin             bool
}

// Selection is the fact that an endpoint serves only some of what the inputs
// announce, from its next slot on. What it leaves out is not waited for. An input
// of which all would be left out is served as it is.
type Selection struct {
	Endpoint string
	// Excluded are the paths of the renditions to leave out.
	Excluded []string
}

// Tick is the fact that time has passed and nothing else.
type Tick struct{}

func (Object) fact()       {}
func (Playlist) fact()     {}
func (Multivariant) fact() {}
func (Order) fact()        {}
func (Selection) fact()    {}
func (Tick) fact()         {}
