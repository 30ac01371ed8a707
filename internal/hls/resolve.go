package hls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a path below an input, after percent-decoding.
const (
	MaxPathBytes     = 1024
	MaxPathPartBytes = 255
	MaxPathParts     = 32
)

// maxURIBytes bounds a URI before it is examined: percent-encoding can triple a path, and a
// query may hold a token.
const maxURIBytes = 16 << 10

// CleanPath returns the path of an object below its input: parts with one
// slash between them, no slash at the ends, no "." or ".." among them, only
// printable UTF-8 without "\", "%", "?" and "#", nor the beginning of a variable ("{$").
//
// raw is percent-encoded (the escaped form of a request's path, after the
// input's path and a slash). Empty parts and "." mean nothing: encoders add a slash to a
// base URL that already has one. ".." is resolved. Bytes that are not UTF-8 are read as ISO
// 8859-1, as in playlists. It is an error to leave the root, and so are an encoded slash or
// backslash, control characters, a query or fragment, and more than MaxPathBytes,
// MaxPathPartBytes or MaxPathParts. An encoded "%", "?" or "#" is an error too, so that a
// clean path stays the same however often it is decoded: CleanPath(CleanPath(x)) is
// CleanPath(x).
func CleanPath(raw string) (string, error) {
	if strings.ContainsAny(raw, "?#") {
		return "", fmt.Errorf("path %s has a query or fragment", Quote(raw))
	}
	parts, err := appendParts(nil, raw)
	if err != nil {
		return "", fmt.Errorf("path %s: %w", Quote(raw), err)
	}
	return joinParts(parts, raw)
}

// ResolveURI returns the path below an input ([CleanPath]) of the object
// that uri names in the playlist at playlistPath, which is itself such a
// path. Query and fragment are dropped.
//
// uri is usually relative, and may leave the input and come back ("../a/seg.ts" in the input
// "/in/sports/a"). An absolute path, or an http(s) URI with any host, has to lie below
// inputPath, the URL path of the input; a prefix before that is what a proxy on the way takes
// off. Other schemes are an error.
func ResolveURI(inputPath, playlistPath, uri string) (string, error) {
	reference, _, _ := strings.Cut(uri, "#")
	reference, _, _ = strings.Cut(reference, "?")
	if reference == "" {
		return "", fmt.Errorf("URI %s names no object", Quote(uri))
	}
	path, absolute, err := cutAuthority(reference)
	if err != nil {
		return "", fmt.Errorf("URI %s: %w", Quote(uri), err)
	}

	// On the stack: a playlist has an entry for each segment of its window.
	var room [8]string
	base := room[:0]
	if !absolute {
		if base, err = appendParts(base, playlistPath); err != nil || len(base) == 0 {
			return "", fmt.Errorf("playlist path %s is not clean", Quote(playlistPath))
		}
		base = base[:len(base)-1]
	}
	parts, err := appendParts(base, path)
	if errors.Is(err, errLeaves) && !absolute {
		absolute = true
		parts, err = appendParts(nil, strings.Trim(inputPath, "/")+"/"+playlistPath+"/../"+path)
	}
	if err != nil {
		return "", fmt.Errorf("URI %s: %w", Quote(uri), err)
	}
	if absolute {
		if parts, err = belowInput(parts, inputPath); err != nil {
			return "", fmt.Errorf("URI %s: %w", Quote(uri), err)
		}
	}
	return joinParts(parts, uri)
}

// cutAuthority returns the path of a URI, without its leading slash if it is absolute,
// unchanged otherwise.
func cutAuthority(reference string) (path string, absolute bool, err error) {
	rest, authority := strings.CutPrefix(reference, "//")
	if !authority {
		// A colon alone doesn't make a scheme: encoders put the time of day
		// into names.
		scheme, after, found := strings.Cut(reference, "://")
		if found && !strings.ContainsAny(scheme, "/.") {
			if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
				return "", false, errors.New("scheme is neither http nor https")
			}
			rest, authority = after, true
		} else if isData(reference) {
			return "", false, errors.New("scheme is neither http nor https")
		}
	}
	if authority {
		_, path, found := strings.Cut(rest, "/")
		if !found {
			return "", false, errors.New("no path")
		}
		return path, true, nil
	}
	path, absolute = strings.CutPrefix(reference, "/")
	return path, absolute, nil
}

func isData(reference string) bool {
	return len(reference) >= 5 && strings.EqualFold(reference[:5], "data:")
}

func belowInput(parts []string, inputPath string) ([]string, error) {
	var input []string
	if below := strings.Trim(inputPath, "/"); below != "" {
		var err error
		if input, err = appendParts(nil, below); err != nil {
			return nil, fmt.Errorf("input path: %w", err)
		}
	}
	for rest := parts; len(rest) > len(input); rest = rest[1:] {
		if slices.Equal(rest[:len(input)], input) {
			return rest[len(input):], nil
		}
	}
	return nil, fmt.Errorf("not below the input, %s", Quote(inputPath))
}

var errLeaves = errors.New("leaves the root")

// appendParts decodes the parts of a path, resolves "." and "..", and
// appends them to those of base.
func appendParts(base []string, path string) ([]string, error) {
	if len(path) > maxURIBytes {
		return nil, errors.New("too long")
	}
	parts := base
	for more := true; more; {
		var part string
		part, path, more = strings.Cut(path, "/")
		decoded, err := decodePart(part)
		if err != nil {
			return nil, err
		}
		switch decoded {
		case "", ".":
			continue
		case "..":
			if len(parts) == 0 {
				return nil, errLeaves
			}
			parts = parts[:len(parts)-1]
		default:
			parts = append(parts, decoded)
		}
	}
	return parts, nil
}

func decodePart(part string) (string, error) {
	if isPlain(part) {
		return part, nil
	}
	decoded := part
	if strings.IndexByte(part, '%') >= 0 {
		buffer := make([]byte, 0, len(part))
		for i := 0; i < len(part); i++ {
			if part[i] != '%' {
				buffer = append(buffer, part[i])
				continue
			}
			if i+2 >= len(part) {
				return "", errors.New("broken percent-encoding")
			}
			high, low := hexDigit(part[i+1]), hexDigit(part[i+2])
			if high < 0 || low < 0 {
				return "", errors.New("broken percent-encoding")
			}
			buffer = append(buffer, byte(high<<4|low))
			i += 2
		}
		decoded = string(buffer)
	}
	if !utf8.ValidString(decoded) {
		decoded = latin1(decoded)
	}
	if at := strings.IndexAny(decoded, `/\%?#`); at >= 0 {
		return "", fmt.Errorf("%q within a name", decoded[at])
	}
	if strings.Contains(decoded, "{$") {
		return "", errors.New("variables (EXT-X-DEFINE) are not replaced: names have to be written in full")
	}
	if err := checkCharacters(decoded); err != nil {
		return "", err
	}
	if len(decoded) > MaxPathPartBytes {
		return "", errors.New("name too long")
	}
	return decoded, nil
}

// isPlain reports whether a name is one as encoders make them, of which nothing has to be decoded
// or checked.
func isPlain(name string) bool {
	if len(name) > MaxPathPartBytes {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// joinParts returns a path in memory of its own, even if it is the same as the URI: a path
// outlives the playlist it was read from.
func joinParts(parts []string, raw string) (string, error) {
	if len(parts) == 0 {
		return "", fmt.Errorf("path %s names no object", Quote(raw))
	}
	if len(parts) > MaxPathParts {
		return "", fmt.Errorf("path %s has more than %d parts", Quote(raw), MaxPathParts)
	}
	// At the root, such a name can't be told from a data URI.
	if isData(parts[0]) {
		return "", fmt.Errorf("path %s is a data URI", Quote(raw))
	}
	path := strings.Clone(strings.Join(parts, "/"))
	if len(path) > MaxPathBytes {
		return "", fmt.Errorf("path %s is longer than %d bytes", Quote(raw), MaxPathBytes)
	}
	return path, nil
}
