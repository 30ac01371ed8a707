package caddymodule

import (
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// placeholder reports whether the value is only known when the config is loaded.
func placeholder(v string) bool {
	_, rest, opened := strings.Cut(v, "{")
	return opened && strings.Contains(rest, "}")
}

// literal makes a check for values that may have placeholders. Those are checked when the config is
// loaded, except for what no process will know.
func literal(check func(string) error) func(string) error {
	return func(v string) error {
		if placeholder(v) {
			return checkPlaceholders(v)
		}
		return check(v)
	}
}

// checkPlaceholders refuses placeholders that are unknown. The environment and files are those of the
// process that loads the config, which may be another one.
func checkPlaceholders(v string) error {
	known := caddy.NewReplacer()
	names := caddy.NewEmptyReplacer()
	names.Map(func(name string) (any, bool) {
		if strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.") {
			return "", true
		}
		return known.Get(name)
	})
	_, err := names.ReplaceOrErr(v, false, true)
	return err
}

func notEmpty(v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("must not be empty")
	}
	return nil
}
