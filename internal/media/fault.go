package media

import "fmt"

// Reason is why an object is refused, in one word. The words are stable: they
// appear in logs, metrics and the explanation of a failover.
type Reason string

const (
	// ReasonEmpty is an object without a single byte.
	ReasonEmpty Reason = "empty"
	// ReasonGarbage is an object that is no media at all, for example an error
	// page, or a transport stream without a single correct packet.
	ReasonGarbage Reason = "garbage"
	// ReasonTruncated is an object that ends before it is complete: inside a
	// packet, box or frame, or before the end that a PES packet declares.
	ReasonTruncated Reason = "truncated"
	// ReasonDamaged is an object that is broken in places: packets out of
	// sync, packets marked as erroneous, PES packets without a start code,
	// boxes that do not fill their container, bytes between audio frames.
	ReasonDamaged Reason = "damaged"
	// ReasonEncrypted is an object with scrambled packets or sample encryption.
	ReasonEncrypted Reason = "encrypted"
	// ReasonNoTables is a transport stream without a (correct) PAT or PMT.
	ReasonNoTables Reason = "no_tables"
	// ReasonNoMedia is an object without audio and video, or one that announces video but
	// has no picture.
	ReasonNoMedia Reason = "no_media"
	// ReasonNoInit is an fMP4 segment with a track that the init section in
	// force does not describe, or without an init section.
	ReasonNoInit Reason = "no_init"
	// ReasonNoTimestamps is an object whose reference track has no PTS or tfdt,
	// or packed audio without an ID3 timestamp.
	ReasonNoTimestamps Reason = "no_timestamps"
	// ReasonLayoutChanged is an object whose tracks change in the middle.
	ReasonLayoutChanged Reason = "layout_changed"
	// ReasonUnsupported is an object that may be sound, but is in a container or codec that
	// this package does not read, or exceeds its bounds.
	ReasonUnsupported Reason = "unsupported"
)

// Fault is why an object is refused. It is the only error of [Prober.Finish]
// and [Fragments.Resolve].
type Fault struct {
	Reason Reason
	// Detail says what was found where, with byte offset and PID or track.
	Detail string
}

func (f *Fault) Error() string { return string(f.Reason) + ": " + f.Detail }

func faultf(reason Reason, format string, args ...any) *Fault {
	return &Fault{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
