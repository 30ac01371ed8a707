package caddydemo

import "net/http"

type (
	object = map[string]any
	list   = []any
)

// config is what `caddy run` would be given for the same, except for the encoders.
func (s site) config() any {
	home := object{"handler": "static_response", "status_code": http.StatusFound, "headers": object{"Location": list{"/status/"}}}
	return s.caddy(list{
		object{"match": list{object{"path": list{"/"}}}, "handle": list{home}},
		object{"handle": list{object{"handler": "live_origin_demo"}, s.origin(object{"engine": "memory", "capacity": storeSize})}},
	})
}

// nodeConfig is the config of one of several nodes. The buttons of its page are those of the
// front.
func (s site) nodeConfig(name string, servers []string, front string) any {
	origin := s.origin(object{
		"engine": "nats", "servers": servers, "node": name, "local": object{"engine": "memory", "capacity": storeSize},
	})
	origin["health"] = healthPath
	buttons := object{"handler": "reverse_proxy", "upstreams": list{object{"dial": front}}}
	return s.caddy(list{
		object{"match": list{object{"path": list{controlsPath + "*"}}}, "handle": list{buttons}},
		object{"handle": list{origin}},
	})
}

const healthPath = "/health"

// origin is the handler.
func (s site) origin(store object) object {
	// By default a frozen picture is only reported, as it may be part of the programme.
	// Here it is not.
	onDefect := object{"frozen": "switch"}
	input := func(name string) object {
		return object{"name": name, "path": s.inputPath(name), "bearer": list{s.token}}
	}
	return object{
		"handler": "live_origin",
		"store":   store,
		"status":  object{"path": "/status", "controls": scriptPath},
		"channels": object{channelName: object{
			"inputs": list{input("a"), input("b")},
			"endpoints": object{
				"fast": object{"path": fastPath, "segment_duration": "2s", "on_defect": onDefect},
				"hls":  object{"path": calmPath, "segment_duration": "6s", "on_defect": onDefect},
			},
		}},
	}
}

func (s site) caddy(routes list) any {
	return object{
		"admin": object{"listen": s.admin, "config": object{"persist": false}},
		// What happens to the channel is the show; of the rest, only trouble.
		"logging": object{"logs": object{
			"default": object{"level": "WARN", "exclude": list{"live_origin"}},
			"demo":    object{"level": "INFO", "include": list{"live_origin"}, "encoder": object{"format": "console", "level_format": "upper"}},
		}},
		"apps": object{"http": object{
			"grace_period": gracePeriod.String(),
			"servers": object{"demo": object{
				"listen":          list{s.listen},
				"protocols":       list{"h1"}, // the others need TLS
				"automatic_https": object{"disable": true},
				"routes":          routes,
			}},
		}},
	}
}
