package caddymodule

import (
	"fmt"
	"strings"
	"testing"
)

// originAt is a live_origin block with the input and the endpoint of a channel, behind a matcher
// if need be.
func originAt(matcher, channel, input, endpoint string) string {
	return fmt.Sprintf("live_origin %s {\nchannel %s {\ninput a %s\nendpoint hls %s\n}\n}\n", matcher, channel, input, endpoint)
}

// Paths that overlap those of a handler in front would never be reached.
func TestPathsOfSeveralHandlers(t *testing.T) {
	one, two := originAt("", "one", "/in/one", "/live/one"), originAt("", "two", "/in/two", "/live/two")
	inputTwice, endpointBelow := originAt("", "two", "/in/one", "/live/two"), originAt("", "two", "/in/two", "/live/one/two")
	const (
		inputTaken    = "channel two, input a: path: /in/one is the path of channel one, input a too, in another live_origin block in front"
		endpointTaken = "channel two, endpoint hls: path: /live/one/two is below /live/one, the path of channel one, endpoint hls, in another live_origin block in front"
	)
	const named = "@some remote_ip 192.0.2.1\n"
	for name, c := range map[string]struct{ config, want string }{
		"different paths":   {"http://a {\n" + one + two + "}\n", ""},
		"the same input":    {"http://a {\n" + one + inputTwice + "}\n", inputTaken},
		"without a host":    {":80 {\n" + one + inputTwice + "}\n", inputTaken},
		"below an endpoint": {"http://a {\n" + one + endpointBelow + "}\n", endpointTaken},
		"above an input":    {"http://a {\n" + one + originAt("", "two", "/in", "/live/two") + "}\n", "/in is above /in/one, the path of channel one, input a"},
		"the status page": {
			"http://a {\nlive_origin {\nstatus /ops\nchannel one {\ninput a /in/one\nendpoint hls /live/one\n}\n}\n" + originAt("", "two", "/in/two", "/ops/two") + "}\n",
			"channel two, endpoint hls: path: /ops/two is below /ops, the path of the status page",
		},
		"three":         {"http://a {\n" + one + originAt("", "three", "/in/three", "/live/three") + inputTwice + "}\n", inputTaken},
		"in a route":    {"http://a {\nroute {\n" + one + inputTwice + "}\n}\n", inputTaken},
		"past a handle": {"http://a {\nhandle {\n" + one + "}\n" + inputTwice + "}\n", inputTaken},
		"same matchers": {"http://a {\n" + named + originAt("@some", "one", "/in/one", "/live/one") + originAt("@some", "two", "/in/one", "/live/two") + "}\n", inputTaken},
		"behind a password": {
			"http://a {\nroute {\n" + one + "basic_auth {\na $2a$14$cCLIZ8scaqofZ/ndSOGRJ.dtXv4P22lt33gadUWg29Mwdde4BDnt2\n}\n" + inputTwice + "}\n}\n",
			inputTaken,
		},

		"hosts":              {"http://a {\n" + one + "}\nhttp://b {\n" + inputTwice + "}\n", ""},
		"hosts and the rest": {"http://a {\n" + one + "}\nhttp:// {\n" + inputTwice + "}\n", ""},
		"ports":              {":80 {\n" + one + "}\n:81 {\n" + inputTwice + "}\n", ""},
		"a matcher first":    {"http://a {\n" + named + originAt("@some", "one", "/in/one", "/live/one") + inputTwice + "}\n", ""},
		"other matchers":     {"http://a {\n" + named + "@others not remote_ip 192.0.2.1\n" + originAt("@some", "one", "/in/one", "/live/one") + originAt("@others", "two", "/in/one", "/live/two") + "}\n", ""},
		"other handles":      {"http://a {\nhandle /x/* {\n" + one + "}\nhandle {\n" + inputTwice + "}\n}\n", ""},
		"past a group":       {"http://a {\nhandle /in/one/* {\nrespond no\n}\nhandle {\n" + one + "}\n" + inputTwice + "}\n", ""},
		"another prefix":     {"http://a {\nhandle_path /x/* {\n" + one + "}\nhandle_path /y/* {\n" + inputTwice + "}\n}\n", ""},
		"a changed path":     {"http://a {\nroute {\n" + one + "uri strip_prefix /x\n" + inputTwice + "}\n}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			validate(t, adaptLoose(t, "{\nauto_https off\nlog {\noutput discard\n}\n}\n"+strings.ReplaceAll(c.config, "live_origin  {", "live_origin {")), c.want)
		})
	}
}
