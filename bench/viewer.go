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
	names, err := v.renditions()
	if err == nil {
		v.name = names[0]
	}
	return err
}

// renditions lists those of the multivariant playlist; there is at least one.
func (v *viewer) renditions() ([]string, error) {
	text, err := v.get(v.path + "/index.m3u8")
	if err != nil {
		return nil, err
	}
	names := uris(text)
	if len(names) == 0 {
		return nil, errors.New("no rendition in the multivariant playlist: was anything published?")
	}
	return names, nil
}

// uris are those that a playlist lists.
func uris(playlist []byte) []string {
	var list []string
	for line := range strings.Lines(string(playlist)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
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

// begin starts the encoder with a burst of n segments, and waits until all that it has sent
// is published. An endpoint takes a moment to begin, as the encoder may be about to
// announce more renditions; what is ahead of the clock follows at playback pace.
func (v *viewer) begin(ctx context.Context, e *encoder, n int) error {
	if err := e.start(n); err != nil {
		return err
	}
	if err := v.wait(ctx); err != nil {
		return err
	}
	for last := -1; ; {
		edge, err := v.edge()
		if err != nil || edge == last {
			return err
		}
		last = edge
		if err := rest(ctx, e.reel.length+100*time.Millisecond); err != nil {
			return err
		}
	}
}

// wait waits until the endpoint has begun.
func (v *viewer) wait(ctx context.Context) error {
	var err error
	for range 1200 {
		if err = v.find(); err == nil {
			return nil
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", v.path, err)
}

// rest lets time pass, unless the context ends.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
