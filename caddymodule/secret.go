package caddymodule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders of a value of the config. One that is not known
// or that stands for nothing is an error: a token must not become the name of its
// placeholder, which anybody can guess, and a directory must not lose its beginning.
func resolve(value string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", err
	}
	if value != "" && strings.TrimSpace(resolved) == "" {
		return "", errors.New("is empty")
	}
	return resolved, nil
}

// resolveName does it for the name of a user.
func resolveName(value string) (string, error) {
	name, err := resolve(value)
	if err != nil {
		return "", fmt.Errorf("username %q: %w", value, err)
	}
	if name == "" {
		return "", errors.New("a username is empty")
	}
	return name, nil
}
