package demo

import (
	"bytes"
	"errors"

	"github.com/liveorigin/caddy-live-origin/internal/bitstream"
)

// Slices of H.264 as the sample has them: Constrained Baseline, one slice in each picture,
// only P pictures between key frames. Anything that sample.sh does not produce is refused.

// NAL unit types (ISO/IEC 14496-10, table 7-1).
const (
	nalSlice = 1
	nalSPS   = 7
	nalPPS   = 8
)

var (
	errParameters = errors.New("parameter sets of another kind")
	errSlice      = errors.New("a slice of another kind")
)

// sliceSyntax is what the parameter sets say about slice headers.
type sliceSyntax struct {
	frameNumBits int
	macroblocks  uint32 // of a picture
	deblocking   bool   // slice headers control the deblocking filter
}

// nalUnits splits an access unit at its start codes (ISO/IEC 14496-10, annex B).
func nalUnits(b []byte) [][]byte {
	startCode := []byte{0, 0, 1}
	var units [][]byte
	for _, unit := range bytes.Split(b, startCode)[1:] {
		if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 {
			units = append(units, unit)
		}
	}
	return units
}

// parseParameters reads the parameter sets in the access unit of a key frame.
func parseParameters(unit []byte) (sliceSyntax, error) {
	var s sliceSyntax
	known := 0
	for _, nal := range nalUnits(unit) {
		var ok bool
		switch nal[0] & 0x1f {
		case nalSPS:
			ok = s.readSPS(bitstream.Unescape(nil, nal))
		case nalPPS:
			ok = s.readPPS(bitstream.Unescape(nil, nal))
		default:
			continue
		}
		if !ok {
			return s, errParameters
		}
		known++
	}
	if known != 2 {
		return s, errParameters
	}
	return s, nil
}

// readSPS reads a sequence parameter set (ISO/IEC 14496-10, 7.3.2.1.1).
func (s *sliceSyntax) readSPS(nal []byte) bool {
	const baseline = 66
	r := &bitstream.Reader{Bytes: nal}
	r.U(8)
	profile := r.U(8)
	r.U(16) // constraints, level_idc
	r.UE()  // seq_parameter_set_id
	s.frameNumBits = int(r.UE()) + 4
	orderType := r.UE() // pic_order_cnt_type; with 2 slice headers say nothing about it
	r.UE()              // max_num_ref_frames
	r.U(1)              // gaps_in_frame_num_value_allowed_flag
	s.macroblocks = (r.UE() + 1) * (r.UE() + 1)
	framesOnly := r.Flag()
	return !r.Bad && profile == baseline && s.frameNumBits <= 16 && orderType == 2 && framesOnly
}

// readPPS reads a picture parameter set (ISO/IEC 14496-10, 7.3.2.2).
func (s *sliceSyntax) readPPS(nal []byte) bool {
	r := &bitstream.Reader{Bytes: nal}
	r.U(8)
	r.UE()                 // pic_parameter_set_id
	r.UE()                 // seq_parameter_set_id
	arithmetic := r.Flag() // entropy_coding_mode_flag
	r.U(1)                 // bottom_field_pic_order_in_frame_present_flag
	groups := r.UE()       // num_slice_groups_minus1
	r.UE()                 // num_ref_idx_l0_default_active_minus1
	r.UE()                 // num_ref_idx_l1_default_active_minus1
	weighted := r.Flag()
	r.U(2) // weighted_bipred_idc
	r.UE() // pic_init_qp_minus26
	r.UE() // pic_init_qs_minus26
	r.UE() // chroma_qp_index_offset
	s.deblocking = r.Flag()
	r.U(1) // constrained_intra_pred_flag
	redundant := r.Flag()
	return !r.Bad && !arithmetic && groups == 0 && !weighted && !redundant
}

// skipped returns the slice of a P picture with all its macroblocks skipped: a picture that
// looks like the one before (P_Skip; ISO/IEC 14496-10, 7.3.4 and 8.4.1.1). Only the header
// of the slice is read, and it stays as it is, so that frame numbers and references
// continue.
func (s sliceSyntax) skipped(nal []byte) ([]byte, error) {
	r := &bitstream.Reader{Bytes: bitstream.Unescape(nil, nal)}
	if !s.readHeader(r) {
		return nil, errSlice
	}
	w := &bitWriter{}
	for from := (&bitstream.Reader{Bytes: r.Bytes}); from.Pos < r.Pos; {
		w.u(from.U(1), 1)
	}
	w.ue(s.macroblocks) // mb_skip_run
	w.u(1, 1)           // rbsp_stop_one_bit
	return escape(w.b), nil
}

// readHeader reads the header of the only slice of a P picture (ISO/IEC 14496-10,
// 7.3.3).
func (s sliceSyntax) readHeader(r *bitstream.Reader) bool {
	r.U(1) // forbidden_zero_bit
	reference := r.U(2) != 0
	kind := r.U(5)
	first := r.UE()            // first_mb_in_slice
	predicted := r.UE()%5 == 0 // slice_type P
	r.UE()                     // pic_parameter_set_id
	r.U(s.frameNumBits)        // frame_num
	if r.Flag() {              // num_ref_idx_active_override_flag
		r.UE()
	}
	modified := r.Flag() // ref_pic_list_modification_flag_l0
	// adaptive_ref_pic_marking_mode_flag
	marked := reference && r.Flag()
	r.UE()                           // slice_qp_delta
	if s.deblocking && r.UE() != 1 { // disable_deblocking_filter_idc
		r.UE() // slice_alpha_c0_offset_div2
		r.UE() // slice_beta_offset_div2
	}
	return !r.Bad && kind == nalSlice && first == 0 && predicted && !modified && !marked
}
