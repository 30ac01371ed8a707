package media

import "strconv"

// Bounds of what a [Prober] holds, whatever it is fed.
const (
	// maxHead is how many bytes are needed at most to tell the format.
	maxHead = 1024
	// maxPIDs is how many PIDs a transport stream may have.
	maxPIDs = 255
	// maxPrograms is how many programs a transport stream may have.
	maxPrograms = 16
	// maxTracks is how many tracks all programs may have together.
	maxTracks = 64
	// maxAccessUnitHead is how many bytes of a video access unit are searched for parameter
	// sets and the first slice. Usually all that comes before it is a few hundred bytes;
	// captions and other SEI can make it a few thousand.
	maxAccessUnitHead = 64 << 10
	// maxConfig is how many bytes the parameter sets of a track may have.
	maxConfig = 16 << 10
	// maxSection is the size of the largest PAT or PMT section
	// (ISO/IEC 13818-1, 2.4.4.4 and 2.4.4.9).
	maxSection = 1024
)

// Prober finds out what a media object holds while its bytes pass. It is an [io.Writer]
// that takes the object in pieces of any size, never fails, keeps no media and needs a
// bounded amount of memory: usually some 15 kB, never more than 128 KiB for each video
// track of a transport stream, and a few MiB for fragmented MP4 with ten times more samples
// than occur in practice. It is not safe for concurrent use.
type Prober struct {
	head  []byte  // first bytes, until the format is known
	scan  scanner // nil until the format is known, or if it is not supported
	fault *Fault  // the first one
	size  int64
	// tables are those of the run, for a transport stream without any.
	tables Tables
}

// scanner reads one format.
type scanner interface {
	// write takes the next bytes of the object. After a fault it isn't called
	// any more.
	write(b []byte) *Fault
	// finish is called once, after the last byte.
	finish(size int64) (Probed, *Fault)
}

// Probed is what an object turned out to be. Info is that of a transport
// stream, packed audio or WebVTT. Of fragmented MP4, Init is an init section
// and Fragments a media segment; a segment that initialises itself is both.
// Everything else is nil.
type Probed struct {
	Info      *Info
	Init      *Init
	Fragments *Fragments
	// Tables are those that a transport stream brings; see [Prober.Inherit].
	Tables Tables
}

// NewProber returns a prober for one object.
func NewProber() *Prober { return new(Prober) }

// Write takes the next bytes of the object. It always returns len(b), nil.
func (p *Prober) Write(b []byte) (int, error) {
	n := len(b)
	p.size += int64(n)
	if p.fault != nil {
		return n, nil //nolint:nilerr // Finish reports it
	}
	if p.scan != nil {
		p.fault = p.scan.write(b)
		return n, nil
	}
	if len(p.head) == 0 && n >= maxHead {
		p.begin(b)
		return n, nil
	}
	k := min(n, maxHead-len(p.head))
	p.head = append(p.head, b[:k]...)
	if len(p.head) < maxHead {
		return n, nil
	}
	p.begin(p.head)
	p.head = nil
	if p.fault == nil {
		p.fault = p.scan.write(b[k:])
	}
	return n, nil
}

// Finish says what the object held. The error is nil or a [*Fault]; with a
// fault there is nothing in Probed. Nothing may be written afterwards.
func (p *Prober) Finish() (Probed, error) {
	if p.size == 0 {
		return Probed{}, faultf(ReasonEmpty, "object has no bytes")
	}
	if p.fault == nil && p.scan == nil {
		p.begin(p.head)
	}
	if p.fault != nil {
		return Probed{}, p.fault
	}
	probed, fault := p.scan.finish(p.size)
	if fault != nil {
		p.fault = fault
		return Probed{}, fault
	}
	return probed, nil
}

// begin chooses the scanner by the first bytes and lets it read them.
func (p *Prober) begin(b []byte) {
	p.scan, p.fault = detect(b[:min(len(b), maxHead)])
	if ts, ok := p.scan.(*tsScanner); ok {
		ts.heir.tables = p.tables
	}
	if p.fault == nil {
		p.fault = p.scan.write(b)
	}
}

// detect tells the format from the first bytes of an object, maxHead of them
// if it has so many.
func detect(head []byte) (scanner, *Fault) {
	if m2ts(head) {
		return nil, faultf(ReasonUnsupported, "transport stream with packets of 192 bytes (timecode prefix)")
	}
	if head[0] == tsSync {
		if syncEvery(head, 0, 204) && head[tsPacket] != tsSync {
			return nil, faultf(ReasonUnsupported, "transport stream with packets of 204 bytes (Reed-Solomon suffix)")
		}
		if len(head) > tsPacket && head[tsPacket] != tsSync {
			return nil, faultf(ReasonGarbage, "no transport stream: byte 188 is 0x%02x, not the sync byte 0x47", head[tsPacket])
		}
		return newTSScanner(), nil
	}
	for i := range formats {
		if f := &formats[i]; f.recognise != nil && f.recognise(head) {
			return f.scanner(), nil
		}
	}
	return nil, faultf(ReasonGarbage, "no media, or encrypted: starts with %s", strconv.QuoteToASCII(string(head[:min(len(head), 24)])))
}

// m2ts recognises packets of 188 bytes that each follow a timecode of 4 bytes, as written
// by cameras and disc authoring. Its first byte can be 0x47 by chance.
func m2ts(head []byte) bool {
	return syncEvery(head, 4, 192) && !(head[0] == tsSync && head[tsPacket] == tsSync)
}

// syncEvery reports whether three sync bytes follow at the given distance.
func syncEvery(head []byte, from, step int) bool {
	for i := range 3 {
		at := from + i*step
		if at >= len(head) || head[at] != tsSync {
			return false
		}
	}
	return true
}
