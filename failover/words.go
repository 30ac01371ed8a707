package failover

// Reason is a word for why something was decided or is missing. Logs, metrics,
// events and documents take their lists from here; there are no others.
type Reason string

// What is wrong with a segment. An input's faults are counted by these, and a switch names
// the first one found.
const (
	// ReasonNotListed: no playlist lists the segment.
	ReasonNotListed Reason = "not_listed"
	// ReasonNotArrived: a playlist lists it, but it has not arrived.
	ReasonNotArrived Reason = "not_arrived"
	// ReasonGap: the encoder itself says EXT-X-GAP.
	ReasonGap Reason = "gap"
	// ReasonNoDuration: its timestamps span no time.
	ReasonNoDuration Reason = "no_duration"
	// ReasonTooLong: it lasts longer than any encoder can intend, or than three target
	// durations of an endpoint that has begun.
	ReasonTooLong Reason = "too_long"
	// ReasonRepeated: the media of an earlier segment under a new name.
	ReasonRepeated Reason = "repeated"

	// ReasonUnlisted: no playlist listed the object for so long that it was dropped.
	ReasonUnlisted Reason = "unlisted"
	// What probing finds in an object: it ends too early, its bytes are damaged, there are
	// none, they are in no known format, of a kind that can't be served, or encrypted.
	ReasonTruncated   Reason = "truncated"
	ReasonDamaged     Reason = "damaged"
	ReasonEmpty       Reason = "empty"
	ReasonGarbage     Reason = "garbage"
	ReasonUnsupported Reason = "unsupported"
	ReasonEncrypted   Reason = "encrypted"
	// Of MPEG-TS: no PAT or PMT. Of any container: no media, no initialization
	// section, no timestamps, a change of track layout in the middle.
	ReasonNoTables      Reason = "no_tables"
	ReasonNoMedia       Reason = "no_media"
	ReasonNoInit        Reason = "no_init"
	ReasonNoTimestamps  Reason = "no_timestamps"
	ReasonLayoutChanged Reason = "layout_changed"
)

// Why the active input changed, where it is none of the above.
const (
	// ReasonStart: the endpoint's first slot.
	ReasonStart Reason = "start"
	// ReasonMissing: a segment had not arrived at the slot's deadline.
	ReasonMissing Reason = "missing_segment"
	// ReasonEnded: the active input sent EXT-X-ENDLIST.
	ReasonEnded Reason = "ended"
	// ReasonNewGeneration: the active input broke into a new generation, or its encoder was started again and left
	// out what is missing.
	ReasonNewGeneration Reason = "new_generation"
	// ReasonUnstable: the active input broke in three of ten slots.
	ReasonUnstable Reason = "unstable"
	// ReasonTwoWriters: two encoders write to the active input.
	ReasonTwoWriters Reason = "two_writers"
	// ReasonManual: the operator asked for it.
	ReasonManual Reason = "manual"
	// ReasonPreferred: the preferred input has been whole for long enough.
	ReasonPreferred Reason = "preferred"
	// ReasonDown: the active input had delivered nothing for three segments.
	ReasonDown Reason = "input_down"
	// ReasonRemoved: the active input was taken out of the config.
	ReasonRemoved Reason = "input_removed"
	// ReasonPatched: no input had the slot whole, but several locked ones had it together.
	// The active input stays.
	ReasonPatched Reason = "patched"
	// ReasonAhead: the timeline was ahead of the clock, because the active input had sent
	// media ahead of time and is down.
	ReasonAhead Reason = "ahead_of_time"
)

// Faults lists what can be wrong with a segment that arrived.
func Faults() []Reason {
	return []Reason{
		ReasonNoDuration, ReasonTooLong, ReasonRepeated, ReasonUnlisted, ReasonTruncated, ReasonDamaged, ReasonEmpty,
		ReasonGarbage, ReasonUnsupported, ReasonEncrypted, ReasonNoTables, ReasonNoMedia, ReasonNoInit,
		ReasonNoTimestamps, ReasonLayoutChanged,
	}
}

// MissingReasons lists why an input may be missing a segment.
func MissingReasons() []Reason {
	return append([]Reason{ReasonNotListed, ReasonNotArrived, ReasonGap}, Faults()...)
}

// SwitchReasons lists why an active input may change.
func SwitchReasons() []Reason {
	return append([]Reason{
		ReasonStart, ReasonMissing, ReasonEnded, ReasonNewGeneration, ReasonUnstable, ReasonTwoWriters, ReasonManual,
		ReasonPreferred, ReasonDown, ReasonRemoved, ReasonAhead, Reason(DefectHole), Reason(DefectTrackGone),
		Reason(DefectNoKeyFrame), Reason(DefectStarved), Reason(DefectFrozen), Reason(DefectSilent), Reason(DefectSlow),
	}, Faults()...) // damaged and repeated are among them
}

// Notice is a word for something that an operator ought to know, but that changes nothing
// by itself.
type Notice string

const (
	// NoticeDatesOff: EXT-X-PROGRAM-DATE-TIME is more than a minute away from the
	// clock. It is passed on; deadlines and delays count from arrival.
	NoticeDatesOff Notice = "dates_off"
	// NoticeDatesIgnored: it is more than a day away, and ignored.
	NoticeDatesIgnored Notice = "dates_ignored"
	// NoticeDatesContradict: the timestamps of two inputs agree but their dates do not.
	NoticeDatesContradict Notice = "dates_contradict"
	// NoticeRenditionsApart: the timestamps of two renditions of an input have nothing to do with each other.
	NoticeRenditionsApart Notice = "renditions_apart"
	// NoticeLongSegment: a segment is longer than the endpoint's target duration.
	NoticeLongSegment Notice = "long_segment"
	// NoticeTwoWriters: two encoders write to one input path.
	NoticeTwoWriters Notice = "two_writers"
	// NoticeForgotten: a rendition no longer lists anything new, and was forgotten.
	NoticeForgotten Notice = "rendition_forgotten"
	// NoticeRenamed: a rendition continues under another name.
	NoticeRenamed Notice = "rendition_renamed"
	// NoticeTooManyRenditions: the input lists more renditions than are kept.
	NoticeTooManyRenditions Notice = "too_many_renditions"
	// NoticeOrderDropped: an order names an input that no longer exists.
	NoticeOrderDropped Notice = "order_dropped"
)

// Notices lists all of them.
func Notices() []Notice {
	return []Notice{
		NoticeDatesOff, NoticeDatesIgnored, NoticeDatesContradict, NoticeRenditionsApart, NoticeLongSegment, NoticeTwoWriters,
		NoticeForgotten, NoticeRenamed, NoticeTooManyRenditions, NoticeOrderDropped,
	}
}

// Defect is a word for what is wrong with a segment that arrived whole: it can be served,
// but another input may have it better.
type Defect string

const (
	// DefectHole: media is missing within the segment, or between it and the one before
	// of the same run.
	DefectHole Defect = "hole"
	// DefectTrackGone: a track that earlier segments of the run carried is missing, or
	// ends early.
	DefectTrackGone Defect = "track_gone"
	// DefectDamaged: packets were lost or marked as erroneous on the way, or sizes do not
	// add up.
	DefectDamaged Defect = "damaged"
	// DefectRepeated: the media of an earlier segment under a new name, or timestamps that
	// step back inside a run.
	DefectRepeated Defect = "repeated"
	// DefectNoKeyFrame: it does not begin where a decoder can start, while the run's others
	// do.
	DefectNoKeyFrame Defect = "no_key_frame"
	// DefectStarved: far fewer bits than usual for the rendition, as with black or a slate.
	DefectStarved Defect = "starved"
	// DefectFrozen: pictures of nearly no size, as when the picture stands still.
	DefectFrozen Defect = "frozen"
	// DefectSilent: audio frames of the smallest size that the encoder makes.
	DefectSilent Defect = "silent"
	// DefectSlow: the input's media falls behind the clock while another input keeps pace.
	DefectSlow Defect = "slow"
)

// Defects lists all of them.
func Defects() []Defect {
	return []Defect{
		DefectHole, DefectTrackGone, DefectDamaged, DefectRepeated, DefectNoKeyFrame,
		DefectStarved, DefectFrozen, DefectSilent, DefectSlow,
	}
}
