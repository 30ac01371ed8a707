package caddymodule

import (
	"errors"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// unmarshalInput reads an input.
func (c *Channel) unmarshalInput(d *caddyfile.Dispenser, channel string, b *block) error {
	in := &Input{}
	if !d.AllArgs(&in.Name, &in.Path) {
		return d.Errf("channel %s: an input needs a name and a path", channel)
	}
	owner := "channel " + channel + ", input " + in.Name
	if err := checkName(in.Name); err != nil {
		return d.Errf("%s: %w", owner, err)
	}
	if slices.ContainsFunc(c.Inputs, func(o *Input) bool { return o.Name == in.Name }) {
		return d.Errf("%s: the name is taken by another input", owner)
	}
	if err := b.paths.add(in.Path, owner); err != nil {
		return d.Errf("%s: path: %w", owner, err)
	}
	c.Inputs = append(c.Inputs, in)
	read := func() (err error) {
		switch d.Val() {
		case "basic_auth":
			err = in.unmarshalAccount(d, owner)
		case "digest":
			err = in.unmarshalDigest(d, owner)
		case "bearer":
			in.Bearer, err = readList(d, owner, in.Bearer, literal(checkToken))
		case "allow":
			in.Allow, err = readList(d, owner, in.Allow, literal(checkAddress))
			in.Allow = expandPrivateRanges(in.Allow)
		case "max_segment_size":
			b.sizes = append(b.sizes, segmentSize{at: *d, owner: owner, input: in})
			err = readSize(d, owner, &in.MaxSegmentSize, checkSegmentSize)
		case "max_playlist_size":
			err = readSize(d, owner, &in.MaxPlaylistSize, checkPlaylistSize)
		case "max_renditions":
			err = readNumber(d, owner, &in.MaxRenditions, checkRenditions)
		case "max_uploads":
			err = readNumber(d, owner, &in.MaxUploads, checkUploads)
		case "min_upload_rate":
			err = in.unmarshalUploadRate(d, owner)
		case "max_unlisted_size":
			err = readSize(d, owner, &in.MaxUnlistedSize, checkUnlistedSize)
		default:
			err = unrecognized(d, "live_origin input")
		}
		return err
	}
	return eachOption(d, owner, read, "basic_auth", "digest", "bearer", "allow")
}

func (in *Input) unmarshalAccount(d *caddyfile.Dispenser, owner string) error {
	var a Account
	if !d.AllArgs(&a.Username, &a.Password) {
		return d.Errf("%s: basic_auth needs a username and a hashed password", owner)
	}
	if err := literal(checkUsername)(a.Username); err != nil {
		return d.Errf("%s: basic_auth: %w", owner, err)
	}
	if err := literal(in.checkHash)(a.Password); err != nil {
		return d.Errf("%s: basic_auth: password of %q: %w", owner, a.Username, err)
	}
	if slices.ContainsFunc(in.BasicAuth, func(o Account) bool { return o.Username == a.Username }) {
		return d.Errf("%s: basic_auth: %q is given twice", owner, a.Username)
	}
	in.BasicAuth = append(in.BasicAuth, a)
	return nil
}

// checkHash checks the hash of an account that is added.
func (in *Input) checkHash(hash string) error {
	algorithm, _, err := parseHash(hash)
	if err != nil {
		return err
	}
	for _, other := range in.BasicAuth {
		if theirs, _, err := parseHash(other.Password); err == nil && theirs != algorithm {
			return differentHash(algorithm, theirs)
		}
	}
	return nil
}

func (in *Input) unmarshalDigest(d *caddyfile.Dispenser, owner string) error {
	var a DigestAccount
	if !d.AllArgs(&a.Username, &a.Password) {
		return d.Errf("%s: digest needs a username and a password", owner)
	}
	if slices.ContainsFunc(in.Digest, func(o DigestAccount) bool { return o.Username == a.Username }) {
		return d.Errf("%s: digest: %q is given twice", owner, a.Username)
	}
	if err := literal(checkDigestUsername)(a.Username); err != nil {
		return d.Errf("%s: digest: %w", owner, err)
	}
	if err := literal(notEmpty)(a.Password); err != nil {
		return d.Errf("%s: digest: password of %q: %w", owner, a.Username, err)
	}
	in.Digest = append(in.Digest, a)
	return nil
}

// unmarshalUploadRate reads a rate in bytes per second, or off.
func (in *Input) unmarshalUploadRate(d *caddyfile.Dispenser, owner string) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	rate := int64(0)
	if arg != "off" {
		if rate, err = parseSize(arg); err == nil {
			err = checkUploadRate(rate)
		}
		if err != nil {
			return d.Errf("%s: %s: %w", owner, option, err)
		}
	}
	in.MinUploadRate = &rate
	return nil
}

func checkAddress(expr string) error {
	switch expr {
	case "":
		return errors.New("an address is empty")
	case privateRanges:
		return nil
	}
	_, err := caddyhttp.CIDRExpressionToPrefix(expr)
	return err
}

const privateRanges = "private_ranges"

func expandPrivateRanges(list []string) []string {
	for i := slices.Index(list, privateRanges); i >= 0; i = slices.Index(list, privateRanges) {
		list = slices.Replace(list, i, i+1, caddyhttp.PrivateRangesCIDR()...)
	}
	return list
}
