package caddymodule

import (
	"cmp"
	"errors"
	"math"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// StreamSelection says which of the encoders' variants an endpoint serves, and in
// which order.
type StreamSelection struct {
	// Variants with video below this bit rate are not served. It is compared with
	// the BANDWIDTH that the encoder declares, in bits per second. The endpoint does not
	// wait for what it does not serve. Default: 0, no limit.
	MinBitrate uint64 `json:"min_bitrate,omitempty"`

	// Variants with video above this bit rate are not served. Renditions that
	// only such variants refer to are not served either. If no variant is left,
	// all are served, and a warning says so. Default: 0, no limit.
	MaxBitrate uint64 `json:"max_bitrate,omitempty"`

	// The order of the variants in the multivariant playlist; players usually start with
	// the first one. `original`: that of the encoder. `ascending`, `descending`: by
	// BANDWIDTH. Default: `original`.
	Order string `json:"order,omitempty"`
}

func (s StreamSelection) check() error {
	return cmp.Or(about("order", ifSet(s.Order, checkVariantOrder)), s.checkLimits())
}

func (s StreamSelection) checkLimits() error {
	if s.MaxBitrate > 0 && s.MinBitrate > s.MaxBitrate {
		return errors.New("min_bitrate is above max_bitrate")
	}
	return nil
}

// unmarshal reads the block of stream_selection.
func (s *StreamSelection) unmarshal(d *caddyfile.Dispenser, owner string) error {
	start := *d
	if d.NextArg() {
		return d.Errf("%s: stream_selection takes a block, and no value", owner)
	}
	owner += ", stream_selection"
	read := func() (err error) {
		switch d.Val() {
		case "min_bitrate":
			err = readBitrate(d, owner, &s.MinBitrate)
		case "max_bitrate":
			err = readBitrate(d, owner, &s.MaxBitrate)
		case "order":
			err = readText(d, owner, &s.Order, checkVariantOrder)
		default:
			err = unrecognized(d, "stream_selection")
		}
		return err
	}
	if err := eachOption(d, owner, read); err != nil {
		return err
	}
	if *s == (StreamSelection{}) {
		return start.Errf("%s: needs min_bitrate, max_bitrate or order", owner)
	}
	if err := s.checkLimits(); err != nil {
		return start.Errf("%s: %w", owner, err)
	}
	return nil
}

// readBitrate reads bits per second, such as 1500000, 1500k or 1.5M.
func readBitrate(d *caddyfile.Dispenser, owner string, v *uint64) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	rate, unit, err := humanize.ParseSI(arg)
	switch {
	case err != nil, unit != "" && unit != "bps" && unit != "bit/s":
		return d.Errf("%s: %s: %q is not a bit rate such as 1500000, 1500k or 1.5M", owner, option, arg)
	case rate < 1 || rate >= math.MaxInt64:
		return d.Errf("%s: %s: must be at least 1 bit per second, but is %s", owner, option, arg)
	}
	*v = uint64(math.Round(rate))
	return nil
}
