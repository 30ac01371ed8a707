package caddymodule

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// Who has a thousand channels in a network of their own does not get two thousand lines with each config.
func TestOpenInputsAreNamedUpToTen(t *testing.T) {
	for inputs, lines := range map[int]int{1: 1, 10: 10, 11: 11, 2000: 11} {
		core, logs := zapobserver.New(zap.WarnLevel)
		h := &Handler{Channels: map[string]*Channel{}, routes: map[string]*route{}, logger: zap.New(core)}
		c := &Channel{}
		for i := range inputs {
			path := fmt.Sprint("/in/", i)
			c.Inputs = append(c.Inputs, &Input{Name: fmt.Sprint("i", i), Path: path})
			h.routes[path] = &route{guard: &guard{}}
		}
		c.Inputs = append(c.Inputs, &Input{Name: "closed", Path: "/closed"})
		h.routes["/closed"] = &route{guard: &guard{bearer: make([][sha256.Size]byte, 1)}}
		h.Channels["sports"] = c
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		all := logs.FilterMessageSnippet("open: anybody may upload").All()
		if len(all) != lines {
			t.Errorf("%d open inputs: %d lines, not %d", inputs, len(all), lines)
		}
		if more := inputs - namedOpen; more > 0 && all[len(all)-1].ContextMap()["more"] != int64(more) {
			t.Errorf("%d open inputs: the last line says %v", inputs, all[len(all)-1].ContextMap())
		}
	}
}
