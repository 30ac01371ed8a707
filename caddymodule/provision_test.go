package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestProvision checks the mistakes that only JSON or a placeholder can make.
func TestProvision(t *testing.T) {
	t.Setenv("EMPTY", "")
	const (
		bcryptHash = "$2a$14$X3ulqf/iGxnf1k6oMZ.RZeJUoqI9PX2PM4rS5lkIKJXduLGXGPrt6"
		argonHash  = "$argon2id$v=19$m=47104,t=1,p=1$P2nzckEdTZ3bxCiBCkRTyA$xQL3Z32eo5jKl7u5tcIsnEKObYiyNZQQf5/4sAau6Pg"
	)
	// with is a channel with more in its input and its endpoint.
	with := func(input, endpoint string) string {
		return `{"channels":{"s":{"inputs":[{"name":"a","path":"/in"` + input + `}],"endpoints":{"hls":{"path":"/live"` + endpoint + `}}}}}`
	}
	account := func(name, hash string) string { return `{"username":"` + name + `","password":"` + hash + `"}` }
	for _, c := range []struct{ config, want string }{
		{with("", ""), ""},
		{with(`,"basic_auth":[`+account("u", bcryptHash)+`]`, ""), ""},
		{with(`,"basic_auth":[`+account("u", argonHash)+`]`, ""), ""},
		{`{}`, "at least one channel is required"},
		{`{"channels":{"s":null}}`, "channel s is null"},
		{`{"channels":{"s":{}}}`, "channel s: needs at least one input"},
		{`{"channels":{"s":{"inputs":[null],"endpoints":{"e":{"path":"/e"}}}}}`, "input 0 is null"},
		{`{"channels":{"s":{"inputs":[{"name":"a","path":"/in"}]}}}`, "channel s: needs at least one endpoint"},
		{`{"channels":{"s":{"inputs":[{"name":"a","path":"/in"}],"endpoints":{"e":null}}}}`, "channel s, endpoint e is null"},
		{`{"channels":{"s!":{}}}`, `channel "s!": a name consists of`},
		{`{"channels":{"s":{"alignment":"x"}}}`, "channel s: alignment: must be one of"},
		{`{"channels":{"s":{"inputs":[{"name":"","path":"/in"}],"endpoints":{"e":{"path":"/e"}}}}}`, "a name is required"},
		{`{"channels":{"s":{"inputs":[{"name":"a","path":"/in"},{"name":"a","path":"/b"}],"endpoints":{"e":{"path":"/e"}}}}}`, "channel s, input a: the name is taken"},
		{`{"channels":{"s":{"inputs":[{"name":"a","path":"/in"}],"endpoints":{"e":{"path":"/in/e"}}}}}`, "channel s, endpoint e: path: /in/e is below /in, the path of channel s, input a"},
		{with(`,"path":""`, ""), "channel s, input a: path: a path is required"},
		{with(`,"max_segment_size":-1`, ""), "channel s, input a: max_segment_size: must be greater than zero"},
		{with(`,"max_segment_size":1024`, ""), ""}, // the least; max_unlisted_size follows it, within its own bounds
		{with(`,"max_playlist_size":-1`, ""), "channel s, input a: max_playlist_size: must be greater than zero"},
		{with(`,"max_renditions":-1`, ""), "channel s, input a: max_renditions: must be greater than zero"},
		{with("", `,"segment_duration":"500ms"`), "channel s, endpoint hls: segment_duration: must be from 1s to 30s, but is 500ms"},
		{with("", `,"playlist_window":"17s"`), "channel s, endpoint hls: playlist_window: must be at least three times segment_duration (18s), but is 17s"},
		{with("", `,"failover_grace":-1`), "channel s, endpoint hls: failover_grace: must be greater than zero"},
		{with("", `,"on_input_loss":"gap","time_delay":"24h","failover_policy":{"policy":"prefer","input":"a"}`), ""},
		{with("", `,"failover_policy":{"policy":"sticky"}`), ""},
		{with("", `,"on_input_loss":"stop"`), `channel s, endpoint hls: on_input_loss: must be one of hold, gap, error, but is "stop"`},
		{with("", `,"time_delay":-1`), "channel s, endpoint hls: time_delay: must be from 0s to 24h0m0s, but is -1ns"},
		{with("", `,"time_delay":"25h"`), "channel s, endpoint hls: time_delay: must be from 0s to 24h0m0s, but is 25h0m0s"},
		{with("", `,"time_delay":"1h","startover_window":"336h"`), ""},
		{with("", `,"startover_window":"337h"`), "channel s, endpoint hls: startover_window: must be from 0s to 336h0m0s, but is 337h0m0s"},
		{with("", `,"startover_window":"60s"`), ""},
		{with("", `,"startover_window":"59s"`), ""}, // a warning
		{with("", `,"startover_window":-1`), "channel s, endpoint hls: startover_window: must be from 0s to 336h0m0s, but is -1ns"},
		{with("", `,"startover_window":"1h","time_delay":"1h"`), "channel s, endpoint hls: time_delay: must be less than startover_window (1h0m0s), but is 1h0m0s"},
		{with("", `,"failover_policy":{"policy":"best"}`), `channel s, endpoint hls: failover_policy: must be sticky, prefer or hitless, but is "best"`},
		{with("", `,"failover_policy":{"policy":"prefer"}`), "channel s, endpoint hls: failover_policy: an input is required"},
		{with("", `,"failover_policy":{"policy":"prefer","input":"z"}`), `channel s, endpoint hls: failover_policy: the channel has no input "z"`},
		{with("", `,"failover_policy":{"policy":"prefer","input":"a","after":-1}`), "channel s, endpoint hls: failover_policy: after: must be greater than zero"},
		{with("", `,"failover_policy":{"input":"a"}`), "channel s, endpoint hls: failover_policy: input and after belong to the policy prefer"},
		{with("", `,"manifest_name":"a/b"`), "channel s, endpoint hls: manifest_name: must be a file name"},
		{with("", `,"trace":true`), `unknown field "trace"`},
		{with(`,"bearer":[""]`, ""), "channel s, input a: bearer: the token is empty"},
		{with(`,"bearer":["{env.EMPTY}"]`, ""), "channel s, input a: bearer: {env.EMPTY} is empty"},
		{with(`,"bearer":["{env.NEVER_SET}"]`, ""), "channel s, input a: bearer: {env.NEVER_SET} is empty"},
		{with(`,"allow":["example.com"]`, ""), "channel s, input a: allow: invalid IP address"},
		{with(`,"basic_auth":[`+account("u", "{env.EMPTY}")+`]`, ""), `channel s, input a: basic_auth: password of "u": {env.EMPTY} is empty`},
		{with(`,"basic_auth":[`+account("{env.EMPTY}", bcryptHash)+`]`, ""), "channel s, input a: basic_auth: username: {env.EMPTY} is empty"},
		{with(`,"basic_auth":[`+account("u", "secret")+`]`, ""), "is not a bcrypt or argon2id hash"},
		{with(`,"basic_auth":[`+account("u", bcryptHash)+`,`+account("v", argonHash)+`]`, ""), `password of "v": is hashed with argon2id, but another one of this input with bcrypt`},
		{with(`,"basic_auth":[`+account("u", bcryptHash)+`,`+account("u", bcryptHash)+`]`, ""), "username is not unique"},
		{with(`,"basic_auth":[`+account("u:v", bcryptHash)+`]`, ""), `username "u:v": must not contain a colon, which ends the name in a request (RFC 7617)`},
		{`{"store":{"engine":"memory","capacity":-1},` + with("", "")[1:], "store memory: capacity: must be greater than zero"},
		{`{"store":{"engine":"file"},` + with("", "")[1:], "store file: dir is required"},
		{`{"store":{"engine":"file","dir":"{env.EMPTY}"},` + with("", "")[1:], "store file: dir: {env.EMPTY} is empty"},
		{`{"store":{"engine":"file","dir":"/x","max_size":-1},` + with("", "")[1:], "store file: max_size: must not be negative"},
		{`{"store":{"engine":"nats","servers":["nats://127.0.0.1:1"]},` + with("", "")[1:], ""},
		{`{"store":{"engine":"nats","servers":["nats://127.0.0.1:1"],"local":{"engine":"file","dir":"/x"},"max_size":1048576},` + with("", "")[1:], ""},
		{`{"store":{"engine":"nats"},` + with("", "")[1:], "store nats: at least one server is required"},
		{`{"store":{"engine":"nats","servers":["{env.EMPTY}"]},` + with("", "")[1:], "store nats: server 1: {env.EMPTY} is empty"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"node":"{env.EMPTY}"},` + with("", "")[1:], "store nats: node: {env.EMPTY} is empty"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"node":"a.b"},` + with("", "")[1:], "store nats: node: consists of letters"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"user":"u","password":"{env.NEVER_SET}"},` + with("", "")[1:], "store nats: password: {env.NEVER_SET} is empty"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"password":"secret"},` + with("", "")[1:], "store nats: user: needs a name and a password"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"token":"{nonsense}"},` + with("", "")[1:], "store nats: token: unrecognized placeholder"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"replicas":-1},` + with("", "")[1:], "store nats: replicas: must be from 1 to 5, but is -1"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"max_size":1},` + with("", "")[1:], "store nats: max_size: must be from 64 KiB to 1.0 PiB"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"peer_address":"http://a:0"},` + with("", "")[1:], "store nats: peer_address: a port is from 1 to 65535"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"local":{"engine":"memory","capacity":1}},` + with("", "")[1:], "store memory: capacity: must be from 64 KiB"},
		{`{"store":{"engine":"nats","servers":["nats://a"],"local":{"engine":"nats","servers":["nats://a"]}},` + with("", "")[1:], "store nats: local: must be an engine of one node"},
		{`{"store":{"engine":"nonsense"},` + with("", "")[1:], "unknown module: http.live_origin.stores.nonsense"},
	} {
		handler := strings.Replace(c.config, "{", `{"handler":"live_origin",`, 1)
		handler = strings.Replace(handler, ",}", "}", 1)
		validate(t, `{"logging":{"logs":{"default":{"writer":{"output":"discard"}}}},"apps":{"http":{"servers":{"s":{`+
			`"listen":["127.0.0.1:0"],"routes":[{"handle":[`+handler+`]}]}}}}}`, c.want)
		if t.Failed() {
			t.Fatal(c.config)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := &Channel{
		Inputs: []*Input{{}},
		Endpoints: map[string]*Endpoint{
			"plain": {}, "long": {SegmentDuration: caddy.Duration(30 * time.Second)},
		},
	}
	c.setDefaults()
	got, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"alignment":"auto",` +
		`"inputs":[{"max_segment_size":67108864,"max_playlist_size":4194304,"max_renditions":20,"max_uploads":80,"min_upload_rate":1024,"max_unlisted_size":268435456}],` +
		`"endpoints":{` +
		`"long":{"segment_duration":30000000000,"playlist_window":90000000000,"failover_policy":{"policy":"sticky"},"on_input_loss":"hold","manifest_name":"index"},` +
		`"plain":{"segment_duration":6000000000,"playlist_window":60000000000,"failover_policy":{"policy":"sticky"},"on_input_loss":"hold","manifest_name":"index"}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
