package caddymodule

import (
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Readers of one option. The dispenser stands at the option's name. owner is what
// the option belongs to, for the error.

func unrecognized(d *caddyfile.Dispenser, block string) error {
	return d.Errf("unrecognized %s subdirective '%s'", block, d.Val())
}

// eachOption reads the options of a block. One that is not repeatable comes once, whatever its value:
// that may be zero, or empty.
func eachOption(d *caddyfile.Dispenser, owner string, read func() error, repeatable ...string) error {
	given := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if given[option] && !slices.Contains(repeatable, option) {
			return d.Errf("%s: %s is given twice", owner, option)
		}
		given[option] = true
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// single returns the option's only argument.
func single(d *caddyfile.Dispenser, owner string) (option, arg string, err error) {
	option = d.Val()
	if !d.AllArgs(&arg) {
		return "", "", d.Errf("%s: %s needs exactly one value", owner, option)
	}
	return option, arg, nil
}

// readFlag reads an option that is on where it is named.
func readFlag(d *caddyfile.Dispenser, owner string, v *bool) error {
	if option := d.Val(); d.NextArg() {
		return d.Errf("%s: %s takes no value", owner, option)
	}
	*v = true
	return nil
}

func readText(d *caddyfile.Dispenser, owner string, v *string, check func(string) error) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	if err := check(arg); err != nil {
		return d.Errf("%s: %s: %w", owner, option, err)
	}
	*v = arg
	return nil
}

func readDuration(d *caddyfile.Dispenser, owner string, v *caddy.Duration, check func(time.Duration) error) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(arg)
	if err != nil {
		return d.Errf("%s: %s: %q is not a duration such as 6s", owner, option, arg)
	}
	if err := check(parsed); err != nil {
		return d.Errf("%s: %s: %w", owner, option, err)
	}
	*v = caddy.Duration(parsed)
	return nil
}

func readSize(d *caddyfile.Dispenser, owner string, v *int64, check func(int64) error) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	size, err := parseSize(arg)
	if err == nil {
		err = check(size)
	}
	if err != nil {
		return d.Errf("%s: %s: %w", owner, option, err)
	}
	*v = size
	return nil
}

func readNumber(d *caddyfile.Dispenser, owner string, v *int, check func(int64) error) error {
	option, arg, err := single(d, owner)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(arg)
	if err != nil {
		return d.Errf("%s: %s: %q is not a number", owner, option, arg)
	}
	if err := check(int64(n)); err != nil {
		return d.Errf("%s: %s: %w", owner, option, err)
	}
	*v = n
	return nil
}

// readList appends the option's arguments, of which there is at least one.
func readList(d *caddyfile.Dispenser, owner string, v []string, check func(string) error) ([]string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.Errf("%s: %s needs at least one value", owner, option)
	}
	for _, arg := range args {
		if err := check(arg); err != nil {
			return nil, d.Errf("%s: %s: %w", owner, option, err)
		}
	}
	return append(v, args...), nil
}
