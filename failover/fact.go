package failover

import "time"

// Fact is something that the core learns. Facts and the time are all it knows about the
// world, and Channel.Take is the only way in.
type Fact interface{ fact() }

// Object is the fact that an encoder delivered a media object, from its first
// byte to its last. An upload that broke off is not a fact.
type Object struct {
	Input string `json:"input"`
	// Path is the object's path below the input path. A later object of the same path
	// replaces it.
	Path string `json:"path"`
	// ID names the object's bytes in the store. It is opaque here and never
	// used twice.
	ID   string `json:"id,omitempty"`
	Size int64  `json:"size,omitempty"`
	// Media is what probing found; nil for an object that is unsound.
	Media *Media `json:"media,omitempty"`
	// Fault is the reason why the object is unsound: "truncated", "garbage", ...
	// Such an object counts as missing, even with media: that can be read, but not published.
	Fault Reason `json:"fault,omitempty"`
	// Hash is equal for equal bytes. Empty: not known; then the size and the times of the
	// media decide.
	Hash string `json:"hash,omitempty"`
	// Gone says that the object's bytes are no longer there: it was used before a restart
	// of the process, and only shows how the input is doing. With an ID, it shows how far
	// the last slot before the restart went.
	Gone bool `json:"gone,omitempty"`

	name string // the ID, even of an object that is gone
}

// Media is what the core needs to know of a segment's content.
type Media struct {
	// Start and End are the presentation times of the reference track (video if
	// there is one) as the encoder wrote them. End - Start is the duration.
	Start Ticks `json:"start"`
	End   Ticks `json:"end"`
	// Modulus is where the encoder's timestamps wrap: 1<<33 for MPEG-TS, 0 for
	// timestamps that do not.
	Modulus Ticks `json:"modulus,omitempty"`
	// Frame is the length of one frame of the reference track.
	Frame Ticks `json:"frame,omitempty"`
	// Video says that there is a video track.
	Video bool `json:"video,omitempty"`
	// Kind is what a rendition with such segments is for, judging by their content: Variant
	// with video, Audio, or Subtitles. It tells apart the renditions of an input that
	// announces none.
	Kind Kind `json:"kind,omitempty"`
	// Untimed says that the object does not carry its start and end, as with WebVTT: Start
	// and End are meaningless, and it follows the previous segment.
	Untimed bool `json:"untimed,omitempty"`
	// Cues are when the first cue of text begins and the last one ends, as
	// timestamps of the programme (X-TIMESTAMP-MAP); nil if it does not say.
	Cues *Span `json:"cues,omitempty"`
	// Signature is equal for two segments exactly when, as far as format, track layout and
	// codec configuration go, one can follow the other without a discontinuity.
	Signature string `json:"signature,omitempty"`
	// Defects are what grading found in the object, each once. None: it is good, as far as
	// the object itself shows; DefectRepeated and DefectSlow also show in names and times.
	Defects []Defect `json:"defects,omitempty"`
	// DefectDetail says what was found where, for people.
	DefectDetail string `json:"defect_detail,omitempty"`
}

// same reports whether two objects hold the same stretch of the same media, as far as the
// core knows. How good they are does not count: it depends on what came before.
func (m *Media) same(o *Media) bool {
	return m.Start == o.Start && m.End == o.End && m.Modulus == o.Modulus && m.Frame == o.Frame &&
		m.Video == o.Video && m.Kind == o.Kind && m.Untimed == o.Untimed && m.Signature == o.Signature &&
		(m.Cues == o.Cues || m.Cues != nil && o.Cues != nil && *m.Cues == *o.Cues)
}

// Span is a stretch of time.
type Span struct {
	From Ticks `json:"from"`
	To   Ticks `json:"to"`
}

// Playlist is the fact that an encoder delivered a media playlist.
type Playlist struct {
	Input string `json:"input"`
	// Path is the playlist's path below the input path, and the name by which renditions of
	// several inputs are matched.
	Path string `json:"path"`
	// Rendition is the one that the playlist was found to continue under another name (Channel.Continued). It
	// outlives a restart with what arrived, as what showed it may not. Empty: that of its own name.
	Rendition string `json:"rendition,omitempty"`
	// TargetDuration is the playlist's EXT-X-TARGETDURATION.
	TargetDuration time.Duration `json:"target_duration"`
	// EndList is true for a playlist with EXT-X-ENDLIST.
	EndList  bool            `json:"endlist,omitempty"`
	Segments []ListedSegment `json:"segments"`
	// From is the address that it came from, empty if that is not known: it tells two encoders on
	// one input path from one that restarts.
	From string `json:"from,omitempty"`
}

// ListedSegment is one segment of an encoder's media playlist.
type ListedSegment struct {
	// Number is the encoder's own media sequence number.
	Number uint64 `json:"number"`
	// Path is the object's path below the input path.
	Path string `json:"path"`
	// Duration is what EXTINF claims. Measured times replace it.
	Duration Ticks `json:"duration"`
	// Discontinuity is true if EXT-X-DISCONTINUITY precedes the segment.
	Discontinuity bool `json:"discontinuity,omitempty"`
	// Gap is true if EXT-X-GAP marks the segment as absent.
	Gap bool `json:"gap,omitempty"`
	// ProgramDateTime is zero if the playlist has none.
	ProgramDateTime time.Time `json:"program_date_time,omitzero"`
	// Cue is true if a slot has to begin with the segment, so that its tags (the start of a
	// break) are not hidden inside a joined slot.
	Cue bool `json:"cue,omitempty"`
	// Tags go with the segment into the slot. They have no meaning here.
	Tags []string `json:"tags,omitempty"`
}

// Multivariant is the fact that an encoder delivered a multivariant playlist,
// and with it the list of renditions that it intends to deliver.
type Multivariant struct {
	Input      string      `json:"input"`
	Renditions []Announced `json:"renditions"`
}

// Announced is one rendition of a multivariant playlist.
type Announced struct {
	Path string `json:"path"`
	Kind Kind   `json:"kind"`
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

// Order is the fact that the operator wants an endpoint on an input. The endpoint goes
// there with the next slot that the input has whole, at the cost of a discontinuity if need
// be. With Pin it goes back whenever it had to leave; an Order with an empty Input cancels
// the order.
type Order struct {
	Endpoint string `json:"endpoint"`
	Input    string `json:"input,omitempty"`
	Pin      bool   `json:"pin,omitempty"`
}

// Selection is the fact that an endpoint serves only some of what the inputs
// announce, from its next slot on. What it leaves out is not waited for. An input
// of which all would be left out is served as it is.
type Selection struct {
	Endpoint string `json:"endpoint"`
	// Excluded are the paths of the renditions to leave out.
	Excluded []string `json:"excluded,omitempty"`
}

// Resumed is the fact that the process takes facts again after it was away: what encoders
// held back in the meantime gets its usual time, and no input is down for having been
// silent.
type Resumed struct{}

// Tick is the fact that time has passed and nothing else.
type Tick struct{}

// Configured is the fact that the operator wants other options. Inputs and endpoints
// keep their state by name; what was published stays. Options that Config.Validate
// refuses are ignored.
type Configured struct{ Config }

// Restored is the fact that a slot was published before a restart of the process, the last
// one of its endpoint: numbers continue after it, media that ends before it is not
// published again, and media that continues it needs no discontinuity. What was known
// before it was published may be repeated until Resumed.
type Restored struct{ Slot }

// Counted is how far an endpoint had counted before a restart that none of its slots outlived. Numbers
// of a playlist never go back (RFC 8216 6.2.2), and a player takes the media behind a discontinuity
// number that it knows for a continuation of what it had.
type Counted struct {
	Endpoint        string `json:"endpoint"`
	Discontinuities uint64 `json:"discontinuities"`
	// Number is the media sequence number to begin with at least; zero where numbers have not run
	// ahead of the Unix time, at which they begin. Slots shorter than a second do that.
	Number uint64 `json:"number,omitempty"`
}

// Recalled is what an encoder announced before a restart of the process.
type Recalled struct{ Multivariant }

// Clock is the fact that the wall clock of the origin was set. Take and Decide get a time
// that only elapses; Ahead is how far the wall clock is ahead of it.
type Clock struct {
	Ahead time.Duration `json:"ahead"`
}

func (Object) fact()       {}
func (Playlist) fact()     {}
func (Multivariant) fact() {}
func (Order) fact()        {}
func (Selection) fact()    {}
func (Resumed) fact()      {}
func (Tick) fact()         {}
func (Configured) fact()   {}
func (Restored) fact()     {}
func (Counted) fact()      {}
func (Recalled) fact()     {}
func (Clock) fact()        {}
