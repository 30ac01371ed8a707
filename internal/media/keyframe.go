package media

// KeyFrame is a picture at which a decoder can start, with all that a player
// needs to show it on its own: an I-frame of a playlist with
// EXT-X-I-FRAMES-ONLY (RFC 8216, 4.3.3.6).
//
// Of a transport stream, Range begins with the PAT and PMT before the picture
// and ends with the last packet of its PES packet. A picture without tables of
// its own before it is not listed: players may load I-frames in any order. The
// first one is known by its slice, later ones by the random_access_indicator.
//
// Of fragmented MP4, Range begins with the moof box, and ends with the first
// sample of the video, if that is a sync sample; the mdat box goes on after it.
// Other sync samples of the fragment can't be fetched without all before them.
type KeyFrame struct {
	Range
	// PTS in ticks, on the timeline of [Info.Start].
	PTS int64
}

// maxKeyFrames bounds how many key frames of an object are noted. Of a stream
// with nothing but key frames, trick play wants no more.
const maxKeyFrames = 64

// keyFrames collects the key frames of a track.
type keyFrames struct {
	list []KeyFrame
	// from is where the tables before the picture in hand begin, -1 if there are
	// none; key says that it is marked as one to start at.
	from int64
	key  bool
	open bool // the last one of list has no end yet
	end  int64
}

// begin is called at the start of a PES packet: where the tables before it begin,
// whether it is marked as one to start at, and where the packet before it ends.
func (k *keyFrames) begin(from int64, key bool, end int64) {
	k.from, k.key, k.end = from, key, end
}

// stamp gets the PTS of the PES packet that began: it starts another picture.
func (k *keyFrames) stamp(pts int64) {
	k.close(k.end)
	if k.key && k.from >= 0 && len(k.list) < maxKeyFrames {
		k.list = append(k.list, KeyFrame{Range: Range{Start: k.from}, PTS: pts})
		k.open = true
	}
}

// close ends the picture in hand.
func (k *keyFrames) close(end int64) {
	if k.open {
		k.list[len(k.list)-1].End = end
		k.open = false
	}
}
