package store_test

import (
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"a":                      true,
		"sports/a/720p_1.ts":     true,
		"a.b.c-d_e":              true,
		"A/0/z":                  true,
		"a..":                    true,
		strings.Repeat("k", 255): true,
		strings.Repeat("k", 256): false,
		"":                       false,
		"/":                      false,
		"/a":                     false,
		"a/":                     false,
		"a//b":                   false,
		".":                      false,
		"..":                     false,
		"a/..":                   false,
		"a/.b":                   false,
		".a":                     false,
		"a b":                    false,
		"a+b":                    false,
		"a\\b":                   false,
		"a\x00":                  false,
		"é":                      false,
	} {
		if got := store.ValidKey(key); got != want {
			t.Errorf("ValidKey(%q) = %v, want %v", key, got, want)
		}
	}
}
