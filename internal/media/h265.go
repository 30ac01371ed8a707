package media

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/bitstream"
)

// NAL unit types of H.265 (ISO/IEC 23008-2, table 7-1).
const (
	h265FirstIRAP = 16 // BLA_W_LP
	h265LastIRAP  = 21 // CRA_NUT
	h265LastVCL   = 31
	h265VPS       = 32
	h265SPS       = 33
	h265PPS       = 34
)

// parseH265SPS reads a sequence parameter set (ISO/IEC 23008-2, 7.3.2.2), from
// the NAL unit's header on.
func parseH265SPS(nal []byte) (videoParams, bool) {
	var space [256]byte
	r := &bitstream.Reader{Bytes: bitstream.Unescape(space[:0], nal)}
	r.Skip(16 + 4)
	layers := int(r.U(3)) // sps_max_sub_layers_minus1
	r.Skip(1)
	v := videoParams{codec: h265Profile(r, layers)}
	r.UE() // sps_seq_parameter_set_id
	chroma := r.UpTo(3)
	if chroma == 3 && r.Flag() { // separate_colour_plane_flag
		chroma = 0
	}
	v.width, v.height = r.UpTo(1<<16), r.UpTo(1<<16)
	if r.Flag() { // conformance_window_flag
		unitX, unitY := chromaUnits(chroma)
		left, right := r.UpTo(1<<16), r.UpTo(1<<16)
		top, bottom := r.UpTo(1<<16), r.UpTo(1<<16)
		v.width -= (left + right) * unitX
		v.height -= (top + bottom) * unitY
	}
	if r.Bad || v.width <= 0 || v.height <= 0 {
		return videoParams{}, false
	}
	// What follows is only read past to get to the timing.
	v.frameTicks = h265Timing(r, layers)
	return v, true
}

// h265Profile reads profile_tier_level (ISO/IEC 23008-2, 7.3.3) and makes the
// codec string of ISO/IEC 14496-15, annex E.3.
func h265Profile(r *bitstream.Reader, layers int) string {
	space := r.U(2)
	tier := r.Flag()
	profile := r.U(5)
	compatibility := bits.Reverse32(r.U(32))
	var constraints [6]byte
	for i := range constraints {
		constraints[i] = byte(r.U(8))
	}
	codec := h265Codec("hvc1", space, tier, profile, compatibility, constraints, r.U(8))
	if layers == 0 {
		return codec
	}
	flags := r.U(16) // two for each of 8 sub-layers, the last ones reserved
	for i := range layers {
		if flags>>(15-2*i)&1 == 1 { // sub_layer_profile_present_flag
			r.Skip(88)
		}
		if flags>>(14-2*i)&1 == 1 { // sub_layer_level_present_flag
			r.Skip(8)
		}
	}
	return codec
}

// h265Codec makes a codec string (ISO/IEC 14496-15, E.3). The bits of the
// compatibility flags are in reverse order.
func h265Codec(name string, space uint32, highTier bool, profile, compatibility uint32, constraints [6]byte, level uint32) string {
	var s strings.Builder
	s.WriteString(name + ".")
	if space > 0 {
		s.WriteByte('A' + byte(space) - 1)
	}
	tier := "L"
	if highTier {
		tier = "H"
	}
	fmt.Fprintf(&s, "%d.%x.%s%d", profile, compatibility, tier, level)
	last := len(constraints)
	for last > 0 && constraints[last-1] == 0 {
		last--
	}
	for _, c := range constraints[:last] {
		fmt.Fprintf(&s, ".%x", c)
	}
	return s.String()
}

// h265Timing reads on from bit_depth_luma_minus8 to the VUI's timing and
// returns the duration of a picture in ticks, 0 if there is none.
func h265Timing(r *bitstream.Reader, layers int) float64 {
	r.UE() // bit_depth_luma_minus8
	r.UE() // bit_depth_chroma_minus8
	lsbBits := r.UpTo(12) + 4
	from := layers
	if r.Flag() { // sps_sub_layer_ordering_info_present_flag
		from = 0
	}
	for range layers - from + 1 {
		r.UE()
		r.UE()
		r.UE()
	}
	for range 6 { // block sizes and transform hierarchy depths
		r.UE()
	}
	//nolint:staticcheck // each call reads the next bit
	if r.Flag() && r.Flag() { // scaling_list_enabled_flag, sps_scaling_list_data_present_flag
		skipH265ScalingLists(r)
	}
	r.Skip(2)
	if r.Flag() { // pcm_enabled_flag
		r.Skip(8)
		r.UE()
		r.UE()
		r.Skip(1)
	}
	skipReferencePictureSets(r)
	if r.Flag() { // long_term_ref_pics_present_flag
		for range r.UpTo(32) {
			r.Skip(lsbBits + 1)
		}
	}
	r.Skip(2)
	if !r.Flag() { // vui_parameters_present_flag
		return 0
	}
	skipVUIStart(r)
	r.Skip(3)
	if r.Flag() { // default_display_window_flag
		for range 4 {
			r.UE()
		}
	}
	if !r.Flag() { // vui_timing_info_present_flag
		return 0
	}
	units, scale := r.U(32), r.U(32)
	if r.Bad || scale == 0 {
		return 0
	}
	return ClockRate * float64(units) / float64(scale)
}

// skipReferencePictureSets reads past the short-term reference picture sets
// (ISO/IEC 23008-2, 7.3.7).
func skipReferencePictureSets(r *bitstream.Reader) {
	const maxPictures = 16
	previous := 0 // pictures in the set before
	for i := range r.UpTo(64) {
		if r.Bad {
			return
		}
		if i > 0 && r.Flag() { // inter_ref_pic_set_prediction_flag
			r.Skip(1)
			r.UE()
			pictures := 0
			for range previous + 1 {
				// used_by_curr_pic_flag, else use_delta_flag
				//nolint:staticcheck // each call reads the next bit
				if r.Flag() || r.Flag() {
					pictures++
				}
			}
			previous = pictures
			continue
		}
		previous = r.UpTo(maxPictures) + r.UpTo(maxPictures)
		for range previous {
			r.UE()
			r.Skip(1)
		}
	}
}

// skipH265ScalingLists reads past scaling_list_data (ISO/IEC 23008-2, 7.3.4).
func skipH265ScalingLists(r *bitstream.Reader) {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			if !r.Flag() { // scaling_list_pred_mode_flag
				r.UE()
				continue
			}
			if size > 1 {
				r.SE()
			}
			for range min(64, 1<<(4+2*size)) {
				r.SE()
			}
		}
	}
}
