package caddymodule

import (
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Readers of one option. The dispenser stands at the option's name. owner is what
// the option belongs to, for the error. An option that holds one value is given
// once at most.

func unrecognized(d *caddyfile.Dispenser, block string) error {
	option := d.Val()
	if block != "live_origin" {
		block = "live_origin " + block
	}
	return d.Errf("unrecognized %s subdirective '%s'", block, option)
}

// single returns the option's only argument. given says that it has a value already.
func single(d *caddyfile.Dispenser, owner string, given bool) (option, arg string, err error) {
	option = d.Val()
	if given {
		return "", "", d.Errf("%s: %s is given twice", owner, option)
	}
	if !d.AllArgs(&arg) {
		return "", "", d.Errf("%s: %s needs exactly one value", owner, option)
	}
	return option, arg, nil
}

// readFlag reads an option that is on where it is named.
func readFlag(d *caddyfile.Dispenser, owner string, v *bool) error {
	if *v {
		return d.Errf("%s: %s is given twice", owner, d.Val())
	}
	if option := d.Val(); d.NextArg() {
		return d.Errf("%s: %s takes no value", owner, option)
	}
	*v = true
	return nil
}

func readText(d *caddyfile.Dispenser, owner string, v *string, check func(string) error) error {
	option, arg, err := single(d, owner, *v != "")
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
	option, arg, err := single(d, owner, *v != 0)
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
	option, arg, err := single(d, owner, *v != 0)
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
	option, arg, err := single(d, owner, *v != 0)
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

// readList appends the option's arguments, of which there is at least one. Values with
// placeholders are checked when the config is loaded.
func readList(d *caddyfile.Dispenser, owner string, v []string, check func(string) error) ([]string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.Errf("%s: %s needs at least one value", owner, option)
	}
	for _, arg := range args {
		if placeholder(arg) {
			continue
		}
		if err := check(arg); err != nil {
			return nil, d.Errf("%s: %s: %w", owner, option, err)
		}
	}
	return append(v, args...), nil
}
