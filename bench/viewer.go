package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// viewer reads the only rendition of an endpoint.
type viewer struct {
	client
	path string // of the endpoint
	name string // of the rendition's playlist
}

func newViewer(addr, channel string) *viewer {
	return &viewer{client: client{addr: addr}, path: "/live/" + channel}
}

// find looks the rendition up in the multivariant playlist.
func (v *viewer) find() error {
	text, err := v.get(v.path + "/index.m3u8")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			v.name = line
			return nil
		}
	}
	return errors.New("no rendition in the multivariant playlist: was anything published?")
}

// playlist fetches the rendition's playlist.
func (v *viewer) playlist() ([]byte, error) {
	if v.name == "" {
		if err := v.find(); err != nil {
			return nil, err
		}
	}
	text, err := v.get(v.path + "/" + v.name)
	if err == nil && text == nil {
		err = fmt.Errorf("%s/%s is not there", v.path, v.name)
	}
	return text, err
}

// edge is the media sequence number of the last segment that is listed.
func (v *viewer) edge() (int, error) {
	text, err := v.playlist()
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(text, []byte("#EXT-X-MEDIA-SEQUENCE:"))
	if !ok {
		return 0, fmt.Errorf("no media sequence:\n%s", text)
	}
	number, _, _ := bytes.Cut(rest, []byte("\n"))
	first, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	return first + bytes.Count(text, []byte("\n#EXTINF")) - 1, err
}

// newest is the path of the last segment that is listed.
func (v *viewer) newest() (string, error) {
	text, err := v.playlist()
	if err != nil {
		return "", err
	}
	lines := strings.Fields(string(text))
	return v.path + "/" + lines[len(lines)-1], nil
}

// begin uploads the first segments and waits until they are published. An
// endpoint takes a moment to begin: the encoder may be about to announce more
// renditions.
func (v *viewer) begin(ctx context.Context, e *encoder) error {
	if err := e.feed(3); err != nil {
		return err
	}
	var err error
	for range 200 {
		if err = v.find(); err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
