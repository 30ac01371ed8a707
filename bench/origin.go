package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// origin is a Caddy process with a live_origin handler, and the peers from the
// same binary on ports of their own.
type origin struct {
	*process
	addr    string // of live_origin
	respond string // of a static response
	files   string // of a file server
	admin   string
	block   string
	root    string // of the file server
}

// startOrigin runs Caddy. block is what stands within live_origin, line gets the
// lines of its log.
func (b *bench) startOrigin(ctx context.Context, block string, line func(string)) (*origin, error) {
	dir, err := os.MkdirTemp(b.dir, "caddy-")
	if err != nil {
		return nil, err
	}
	o := &origin{block: block, root: filepath.Join(dir, "files")}
	if err := os.Mkdir(o.root, 0o755); err != nil {
		return nil, err
	}
	for _, addr := range []*string{&o.addr, &o.respond, &o.files, &o.admin} {
		if *addr, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(o.config("")), 0o644); err != nil {
		return nil, err
	}
	env := []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	if o.process, err = start(ctx, line, env, b.caddy, "run", "--config", path, "--adapter", "caddyfile"); err != nil {
		return nil, err
	}
	for _, addr := range []string{o.addr, o.admin} {
		if err := o.listening(addr); err != nil {
			o.stop()
			return nil, err
		}
	}
	return o, nil
}

// config is the Caddyfile. Each candidate has a site of its own, so that none
// passes through another one's handlers.
func (o *origin) config(body string) string {
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		output stderr
		format json
	}
}
http://%s {
	live_origin {
%s
	}
}
http://%s {
	respond %s
}
http://%s {
	root * %s
	file_server
}
`, o.admin, o.addr, o.block, o.respond, "`"+body+"`", o.files, o.root)
}

// answer makes the static response have this body. The reload does not touch what
// the origin has published.
func (o *origin) answer(body []byte) error {
	resp, err := http.Post("http://"+o.admin+"/load", "text/caddyfile", strings.NewReader(o.config(string(body))))
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("reload: %s", resp.Status)
	}
	c := &client{addr: o.respond}
	defer c.close()
	got, err := c.get("/")
	if err != nil {
		return err
	}
	if !bytes.Equal(got, body) {
		return fmt.Errorf("the static response is not the playlist:\n%s", got)
	}
	return nil
}

// pair is a channel with two inputs and one endpoint, which may have more options.
func pair(name string, segmentSeconds, windowSeconds int, options ...string) string {
	return fmt.Sprintf(`
		channel %[1]s {
			input a /in/%[1]s/a
			input b /in/%[1]s/b
			endpoint hls /live/%[1]s {
				segment_duration %[2]ds
				playlist_window %[3]ds
				%[4]s
			}
		}`, name, segmentSeconds, windowSeconds, strings.Join(options, "\n"))
}

// pairs are n such channels, c0 and so on.
func pairs(n, segmentSeconds, windowSeconds int, options ...string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(pair(fmt.Sprintf("c%d", i), segmentSeconds, windowSeconds, options...))
	}
	return b.String()
}
