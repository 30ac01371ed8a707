package caddymodule

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// Uploads to an input that lies outside of what a matcher lets through are answered by Caddy itself, with
// an empty 200, so there is nobody else to tell of it.
func TestPathsThatNoRequestReaches(t *testing.T) {
	const origin = "channel one {\ninput a /in/one\nendpoint hls /live/one\n}\n}\n"
	for name, c := range map[string]struct {
		site     string
		warnings int
	}{
		"no matcher":           {"live_origin {\n" + origin, 0},
		"another folder":       {"handle /x/* {\nlive_origin {\n" + origin + "}\n", 2},
		"one of two":           {"handle /live/* {\nlive_origin {\n" + origin + "}\n", 1},
		"both":                 {"@both path /live/* /in/*\nhandle @both {\nlive_origin {\n" + origin + "}\n", 0},
		"some of an input":     {"@both path /LIVE/* /in/one/v/* /in/one/a.ts\nhandle @both {\nlive_origin {\n" + origin + "}\n", 0},
		"by what names end in": {"@ts path *.ts\nhandle @ts {\nlive_origin {\n" + origin + "}\n", 0},
		"the path is changed":  {"handle_path /x/* {\nlive_origin {\n" + origin + "}\n", 0},
		"one in the other":     {"handle /in/* {\nhandle /live/* {\nlive_origin {\n" + origin + "}\n}\n", 2},
		"not by path":          {"@some remote_ip 192.0.2.1\nhandle @some {\nlive_origin {\n" + origin + "}\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var config struct {
				Apps struct {
					HTTP struct {
						Servers map[string]struct{ Routes caddyhttp.RouteList }
					}
				}
			}
			if err := json.Unmarshal([]byte(adaptLoose(t, "http:// {\n"+c.site+"}\n")), &config); err != nil {
				t.Fatal(err)
			}
			core, said := zapobserver.New(zapcore.WarnLevel)
			for _, server := range config.Apps.HTTP.Servers {
				if err := (&chain{logger: zap.New(core)}).walk(server.Routes, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			if said.Len() != c.warnings {
				t.Errorf("%d warnings, want %d: %s", said.Len(), c.warnings, fmt.Sprint(said.All()))
			}
		})
	}
}
