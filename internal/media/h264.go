package media

import (
	"fmt"

	"github.com/liveorigin/caddy-live-origin/internal/bitstream"
)

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
	r := &bitstream.Reader{Bytes: bitstream.Unescape(space[:0], nal)}
	r.Skip(8)
	profile, constraints, level := r.U(8), r.U(8), r.U(8)
	r.UE() // seq_parameter_set_id
	chroma := 1
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma = r.UpTo(3)
		if chroma == 3 && r.Flag() { // separate_colour_plane_flag
			chroma = 0
		}
		r.UE() // bit_depth_luma_minus8
		r.UE() // bit_depth_chroma_minus8
		r.Skip(1)
		if r.Flag() {
			lists := 8
			if chroma == 3 {
				lists = 12
			}
			for i := range lists {
				if r.Flag() {
					skipH264ScalingList(r, i)
				}
			}
		}
	}
	r.UE() // log2_max_frame_num_minus4
	switch r.UpTo(2) {
	case 0:
		r.UE() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.Skip(1)
		r.SE()
		r.SE()
		for range r.UpTo(255) {
			r.SE()
		}
	}
	r.UE() // max_num_ref_frames
	r.Skip(1)
	width := (r.UpTo(1<<12) + 1) * 16
	height := (r.UpTo(1<<12) + 1) * 16
	fields := 1
	if !r.Flag() { // frame_mbs_only_flag
		fields = 2
		r.Skip(1)
	}
	height *= fields
	r.Skip(1)
	if r.Flag() {
		unitX, unitY := chromaUnits(chroma)
		left, right := r.UpTo(1<<16), r.UpTo(1<<16)
		top, bottom := r.UpTo(1<<16), r.UpTo(1<<16)
		width -= (left + right) * unitX
		height -= (top + bottom) * unitY * fields
	}
	v := videoParams{
		codec: fmt.Sprintf("avc1.%02x%02x%02x", profile, constraints, level),
		width: width, height: height,
	}
	present := r.Flag()
	if r.Bad || width <= 0 || height <= 0 {
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

func skipH264ScalingList(r *bitstream.Reader, i int) {
	size := 16
	if i >= 6 {
		size = 64
	}
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.SE()) & 0xff
		}
		if next != 0 {
			last = next
		}
	}
}

// skipVUIStart reads past the common start of the VUI of H.264 and H.265.
func skipVUIStart(r *bitstream.Reader) {
	const extendedSAR = 255
	if r.Flag() && r.U(8) == extendedSAR {
		r.Skip(32)
	}
	if r.Flag() { // overscan_info_present_flag
		r.Skip(1)
	}
	if r.Flag() { // video_signal_type_present_flag
		r.Skip(4)
		if r.Flag() {
			r.Skip(24)
		}
	}
	if r.Flag() { // chroma_loc_info_present_flag
		r.UE()
		r.UE()
	}
}

// h264Timing returns the duration of a frame by the VUI (ISO/IEC 14496-10,
// E.1.1): two ticks of the encoder's clock, one for each field.
func h264Timing(r *bitstream.Reader) float64 {
	skipVUIStart(r)
	if !r.Flag() {
		return 0
	}
	units, scale := r.U(32), r.U(32)
	if r.Bad || scale == 0 {
		return 0
	}
	return 2 * ClockRate * float64(units) / float64(scale)
}

// isH264Intra tells whether a slice can be decoded without other pictures
// (slice_type I or SI, ISO/IEC 14496-10, 7.3.3).
func isH264Intra(nal []byte) bool {
	var space [16]byte
	r := &bitstream.Reader{Bytes: bitstream.Unescape(space[:0], nal[:min(len(nal), 12)])}
	r.Skip(8)
	r.UE() // first_mb_in_slice
	kind := r.UE() % 5
	return !r.Bad && (kind == 2 || kind == 4)
}

// hasRecoveryPoint tells whether an SEI NAL unit of H.264 promises correct
// pictures from this one on (recovery point with recovery_frame_cnt 0,
// ISO/IEC 14496-10, D.1.8).
func hasRecoveryPoint(nal []byte) bool {
	const recoveryPoint = 6
	b := bitstream.Unescape(make([]byte, 0, len(nal)), nal)
	b = b[min(1, len(b)):]
	for len(b) >= 3 {
		kind, n := seiNumber(b)
		size, m := seiNumber(b[n:])
		b = b[n+m:]
		if kind == recoveryPoint {
			r := &bitstream.Reader{Bytes: b[:min(size, len(b))]}
			return r.UE() == 0 && !r.Bad
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
