package media

import "fmt"

// NAL unit types of H.264 (ISO/IEC 14496-10, table 7-1).
const (
	h264Slice     = 1
	h264Partition = 2 // data partition A
	h264IDR       = 5
	h264SEI       = 6
	h264SPS       = 7
	h264PPS       = 8
)

// videoParams is what a sequence parameter set says.
type videoParams struct {
	codec         string
	width, height int
	// frameTicks is the duration of a picture by the VUI's timing, in ticks,
	// 0 if it has none.
	frameTicks float64
}

// parseH264SPS reads a sequence parameter set (ISO/IEC 14496-10, 7.3.2.1.1),
// from the NAL unit's header on.
func parseH264SPS(nal []byte) (videoParams, bool) {
	var space [256]byte
	r := &bitReader{b: unescape(space[:0], nal)}
	r.skip(8)
	profile, constraints, level := r.u(8), r.u(8), r.u(8)
	r.ue() // seq_parameter_set_id
	chroma := 1
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma = r.upTo(3)
		if chroma == 3 && r.flag() { // separate_colour_plane_flag
			chroma = 0
		}
		r.ue() // bit_depth_luma_minus8
		r.ue() // bit_depth_chroma_minus8
		r.skip(1)
		if r.flag() {
			lists := 8
			if chroma == 3 {
				lists = 12
			}
			for i := range lists {
				if r.flag() {
					skipH264ScalingList(r, i)
				}
			}
		}
	}
	r.ue() // log2_max_frame_num_minus4
	switch r.upTo(2) {
	case 0:
		r.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.skip(1)
		r.se()
		r.se()
		for range r.upTo(255) {
			r.se()
		}
	}
	r.ue() // max_num_ref_frames
	r.skip(1)
	width := (r.upTo(1<<12) + 1) * 16
	height := (r.upTo(1<<12) + 1) * 16
	fields := 1
	if !r.flag() { // frame_mbs_only_flag
		fields = 2
		r.skip(1)
	}
	height *= fields
	r.skip(1)
	if r.flag() {
		unitX, unitY := chromaUnits(chroma)
		left, right := r.upTo(1<<16), r.upTo(1<<16)
		top, bottom := r.upTo(1<<16), r.upTo(1<<16)
		width -= (left + right) * unitX
		height -= (top + bottom) * unitY * fields
	}
	v := videoParams{
		codec: fmt.Sprintf("avc1.%02x%02x%02x", profile, constraints, level),
		width: width, height: height,
	}
	present := r.flag()
	if r.bad || width <= 0 || height <= 0 {
		return videoParams{}, false
	}
	if present {
		v.frameTicks = h264Timing(r)
	}
	return v, true
}

// chromaUnits returns the cropping unit in luma samples for a chroma format
// (ISO/IEC 14496-10, table 6-1).
func chromaUnits(chroma int) (x, y int) {
	switch chroma {
	case 1:
		return 2, 2
	case 2:
		return 2, 1
	}
	return 1, 1
}

func skipH264ScalingList(r *bitReader, i int) {
	size := 16
	if i >= 6 {
		size = 64
	}
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.se()) & 0xff
		}
		if next != 0 {
			last = next
		}
	}
}

// skipVUIStart reads past the common start of the VUI of H.264 and H.265.
func skipVUIStart(r *bitReader) {
	const extendedSAR = 255
	if r.flag() && r.u(8) == extendedSAR {
		r.skip(32)
	}
	if r.flag() { // overscan_info_present_flag
		r.skip(1)
	}
	if r.flag() { // video_signal_type_present_flag
		r.skip(4)
		if r.flag() {
			r.skip(24)
		}
	}
	if r.flag() { // chroma_loc_info_present_flag
		r.ue()
		r.ue()
	}
}

// h264Timing returns the duration of a frame by the VUI (ISO/IEC 14496-10,
// E.1.1): two ticks of the encoder's clock, one for each field.
func h264Timing(r *bitReader) float64 {
	skipVUIStart(r)
	if !r.flag() {
		return 0
	}
	units, scale := r.u(32), r.u(32)
	if r.bad || scale == 0 {
		return 0
	}
	return 2 * ClockRate * float64(units) / float64(scale)
}

// isH264Intra tells whether a slice can be decoded without other pictures
// (slice_type I or SI, ISO/IEC 14496-10, 7.3.3).
func isH264Intra(nal []byte) bool {
	var space [16]byte
	r := &bitReader{b: unescape(space[:0], nal[:min(len(nal), 12)])}
	r.skip(8)
	r.ue() // first_mb_in_slice
	kind := r.ue() % 5
	return !r.bad && (kind == 2 || kind == 4)
}

// hasRecoveryPoint tells whether an SEI NAL unit of H.264 promises correct
// pictures from this one on (recovery point with recovery_frame_cnt 0,
// ISO/IEC 14496-10, D.1.8).
func hasRecoveryPoint(nal []byte) bool {
	const recoveryPoint = 6
	b := unescape(make([]byte, 0, len(nal)), nal)
	b = b[min(1, len(b)):]
	for len(b) >= 3 {
		kind, n := seiNumber(b)
		size, m := seiNumber(b[n:])
		b = b[n+m:]
		if kind == recoveryPoint {
			r := &bitReader{b: b[:min(size, len(b))]}
			return r.ue() == 0 && !r.bad
		}
		b = b[min(size, len(b)):]
	}
	return false
}

// seiNumber reads a payload type or size and returns how many bytes it takes.
func seiNumber(b []byte) (v, n int) {
	for _, c := range b {
		v += int(c)
		n++
		if c != 0xff {
			break
		}
	}
	return v, n
}
