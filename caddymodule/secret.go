package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders of a value of the config. An unknown one is an error,
// and so is one that is empty, also next to other text: a token must not become the name of its
// placeholder, which anybody can guess, and a directory must not lose its beginning. A value that
// is empty in the config itself is for the caller to refuse.
func resolve(value string) (string, error) {
	repl := caddy.NewReplacer()
	resolved, err := repl.ReplaceOrErr(value, false, true)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(resolved) == "" {
		if strings.TrimSpace(value) == "" {
			return "", nil
		}
		// The config names it, and the line that it stands in is not known any more.
		return "", fmt.Errorf("%s is empty", value)
	}
	return repl.ReplaceOrErr(value, true, true)
}

// resolveName does the same for the name of a user.
func resolveName(value string) (string, error) {
	name, err := resolve(value)
	if err != nil {
		return "", fmt.Errorf("username: %w", err)
	}
	if name == "" {
		return "", errNoUsername
	}
	return name, nil
}
