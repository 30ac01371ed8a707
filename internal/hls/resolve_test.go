package hls

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const testInput = "/in/sports/a"

var resolveCases = []struct{ playlist, uri, want string }{ // want is empty for an error
	{"index.m3u8", "seg.ts", "seg.ts"},
	{"index.m3u8", "./seg.ts", "seg.ts"},
	{"index.m3u8", "v0/seg.ts?token=a/../b#c", "v0/seg.ts"},
	{"v0/index.m3u8", "seg.ts", "v0/seg.ts"},
	{"v0/index.m3u8", "../audio/seg.ts", "audio/seg.ts"},
	{"v0/index.m3u8", "a/b/../../seg.ts", "v0/seg.ts"},
	{"v0/index.m3u8", "seg%201%C3%A9.ts", "v0/seg 1é.ts"},
	{"index.m3u8", "seg-05:10:00.ts", "seg-05:10:00.ts"},
	{"v0/index.m3u8", "/in/sports/a/v1/seg.ts", "v1/seg.ts"},
	{"v0/index.m3u8", "/in/sports/%61/v1/seg.ts", "v1/seg.ts"},
	{"v0/index.m3u8", "https://live.example.com/in/sports/a/v1/seg.ts?x", "v1/seg.ts"},
	{"v0/index.m3u8", "HTTP://u:p@[::1]:80/in/sports/a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "//live.example.com/in/sports/a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "/in/sports/a/../a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "/in/sports/a/x/../../b/seg.ts", ""},
	{"v0/index.m3u8", "/in/sports/ab/seg.ts", ""},
	{"v0/index.m3u8", "/in/sports/a", ""},
	{"v0/index.m3u8", "/seg.ts", ""},
	{"v0/index.m3u8", "https://live.example.com", ""},
	{"v0/index.m3u8", "https://live.example.com/seg.ts", ""},
	{"v0/index.m3u8", "ftp://live.example.com/in/sports/a/seg.ts", ""},
	{"v0/index.m3u8", "data:text/plain,x", ""},
	{"v0/index.m3u8", "../../seg.ts", ""},
	{"v0/index.m3u8", "../../a/seg.ts", "seg.ts"},
	{"index.m3u8", "../a/v0/seg.ts", "v0/seg.ts"},
	{"index.m3u8", "../../../in/sports/a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "../x/../../a/v1/seg.ts", "v1/seg.ts"},
	{"index.m3u8", "../b/seg.ts", ""},
	{"index.m3u8", "../../../../in/sports/a/seg.ts", ""},
	{"v0/index.m3u8", "%2e%2e/%2E./seg.ts", ""},
	{"v0/index.m3u8", "..%2fseg.ts", ""},
	{"v0/index.m3u8", "a%5Cb", ""},
	{"v0/index.m3u8", `a\b`, ""},
	{"v0/index.m3u8", "a%00b", ""},
	{"v0/index.m3u8", "a\x01b", ""},
	{"v0/index.m3u8", "a%0ab", ""},
	{"v0/index.m3u8", "caf%E9.ts", "v0/café.ts"},
	{"v0/index.m3u8", "caf\xe9.ts", "v0/café.ts"},
	{"v0/index.m3u8", "a%9Fb", ""},
	{"v0/index.m3u8", "a%2525b", ""},
	{"v0/index.m3u8", "a%3Fb", ""},
	{"v0/index.m3u8", "a%2", ""},
	{"v0/index.m3u8", "a%zzb", ""},
	{"v0/index.m3u8", "a//b", "v0/a/b"},
	{"v0/index.m3u8", "a/./b", "v0/a/b"},
	{"v0/index.m3u8", "a/", "v0/a"},
	{"v0/index.m3u8", "http://live.example.com/in//sports/./a//seg.ts", "seg.ts"},
	{"v0/index.m3u8", "http://live.example.com/origin/in/sports/a/v1/seg.ts", "v1/seg.ts"},
	{"v0/index.m3u8", "/cluster/origin/in/sports/a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "/origin/in/sports/a", ""},
	{"v0/index.m3u8", "/origin/in/sports/ab/seg.ts", ""},
	{"v0/index.m3u8", "/origin/in/sports/b/seg.ts", ""},
	{"v0/index.m3u8", "{$folder}/seg.ts", ""},
	{"v0/index.m3u8", "http://{$host}/in/sports/a/seg.ts", "seg.ts"},
	{"v0/index.m3u8", "", ""},
	{"v0/index.m3u8", "?x", ""},
	{"index.m3u8", ".", ""},
	{"v0/index.m3u8", "..", ""},
	{"", "seg.ts", ""},
	{"../index.m3u8", "seg.ts", ""},
	{"index.m3u8", strings.Repeat("x", MaxPathPartBytes), strings.Repeat("x", MaxPathPartBytes)},
	{"index.m3u8", strings.Repeat("x", MaxPathPartBytes+1), ""},
	{"index.m3u8", strings.Repeat("x/", MaxPathParts-1) + "x", strings.Repeat("x/", MaxPathParts-1) + "x"},
	{"index.m3u8", strings.Repeat("x/", MaxPathParts) + "x", ""},
	{"index.m3u8", strings.Repeat(strings.Repeat("x", 200)+"/", 5) + strings.Repeat("x", 20), ""},
	{"index.m3u8", strings.Repeat("x/../", 10_000) + "x", ""},
}

func TestResolveURI(t *testing.T) {
	for _, c := range resolveCases {
		got, err := ResolveURI(testInput, c.playlist, c.uri)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s in %s: got %q, %v, want %q", c.uri, c.playlist, got, err, c.want)
		}
	}
	if got, err := ResolveURI("/", "v0/index.m3u8", "/v1/seg.ts"); got != "v1/seg.ts" {
		t.Errorf("input at the root: %q, %v", got, err)
	}
	if got, err := ResolveURI("/in/a/", "v0/index.m3u8", "/in/a/seg.ts"); got != "seg.ts" {
		t.Errorf("input with a slash at the end: %q, %v", got, err)
	}
}

func TestCleanPath(t *testing.T) {
	for raw, want := range map[string]string{
		"index.m3u8":       "index.m3u8",
		"v0/%41.ts":        "v0/A.ts",
		"v0/../index":      "index",
		"v0/./a..b":        "v0/a..b",
		"/index.m3u8":      "index.m3u8",
		"v0//a":            "v0/a",
		"//":               "",
		"./.":              "",
		"../a":             "",
		"a?b":              "",
		"a#b":              "",
		"":                 "",
		"http://x/a":       "http:/x/a",
		"v0/%2e%2e/%2e%2e": "",
	} {
		got, err := CleanPath(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", raw, got, err, want)
		}
	}
}

// checkClean checks what holds for every path that CleanPath and ResolveURI
// return.
func checkClean(t *testing.T, path string) {
	t.Helper()
	if len(path) > MaxPathBytes || strings.ContainsAny(path, `\%?#`) || !utf8.ValidString(path) || checkCharacters(path) != nil {
		t.Fatalf("%q is not clean", path)
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || len(part) > MaxPathPartBytes {
			t.Fatalf("%q has a part %q", path, part)
		}
	}
	if again, err := CleanPath(path); again != path {
		t.Fatalf("CleanPath(%q) is %q, %v", path, again, err)
	}
	// As a playlist at the root would name it.
	if again, err := ResolveURI(testInput, "index.m3u8", path); again != path {
		t.Fatalf("ResolveURI of %q is %q, %v", path, again, err)
	}
}
