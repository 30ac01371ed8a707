// Command caddy is stock Caddy with the live_origin module and its demo, for
// `go run ./cmd/caddy` in a checkout and for the container image.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/liveorigin/caddy-live-origin/caddydemo"
	_ "github.com/liveorigin/caddy-live-origin/caddymodule"
)

func main() {
	caddycmd.Main()
}
