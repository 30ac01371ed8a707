package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders of a value of the config. An unknown one is an error,
// and so is one that is empty next to other text: a token must not become the name of its
// placeholder, which anybody can guess, and a directory must not lose its beginning. A
// value that is empty as a whole is for the caller to refuse.
func resolve(value string) (string, error) {
	repl := caddy.NewReplacer()
	resolved, err := repl.ReplaceOrErr(value, false, true)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(resolved) == "" {
		return "", nil
	}
	return repl.ReplaceOrErr(value, true, true)
}

// resolveName does the same for the name of a user.
func resolveName(value string) (string, error) {
	name, err := resolve(value)
	if err != nil {
		return "", fmt.Errorf("username %q: %w", value, err)
	}
	if name == "" {
		return "", errNoUsername
	}
	return name, nil
}
