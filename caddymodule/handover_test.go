package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func TestTheListenerWrapperHasNoOptions(t *testing.T) {
	adapt := func(wrapper string) (string, error) {
		config := "{\n servers {\n listener_wrappers {\n" + wrapper + "\n}\n}\n}\n:80 {\n respond ok\n}\n"
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
		return string(adapted), err
	}
	adapted, err := adapt("live_origin")
	if err != nil || !strings.Contains(adapted, `"listener_wrappers":[{"wrapper":"live_origin"}]`) || !json.Valid([]byte(adapted)) {
		t.Errorf("%v: %s", err, adapted)
	}
	for wrapper, message := range map[string]string{
		"live_origin twice":       "wrong argument count",
		"live_origin {\n slow\n}": "unrecognized option slow",
	} {
		if _, err := adapt(wrapper); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", wrapper, err)
		}
	}
}
