package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/ports"
)

// origin is a Caddy process with a live_origin handler, and the peers from the same binary
// on separate ports.
type origin struct {
	*process
	program string // that runs; the one that is measured if it is empty
	addr    string // of live_origin
	respond string // of a static response
	files   string // of a file server
	// the same over TLS, with HTTP/2 and HTTP/3, if there are keys
	secure, secureRespond, secureFiles string
	keys                               string // directory of certificate and key
	admin                              string
	block                              string
	name, peer                         string // of one of several nodes, and where the others reach it
	dir                                string // everything that the process writes
	root                               string // of the file server
	encoding                           string // Content-Encoding of the static response
	lossless                           bool   // reloads hand over the requests that nobody has answered
}

// startOrigin runs Caddy. block is the content of the live_origin block, line gets the
// lines of its log.
func (b *bench) startOrigin(ctx context.Context, block string, line func(string)) (*origin, error) {
	return b.launch(ctx, &origin{block: block}, line)
}

// startSecureOrigin runs Caddy with everything over TLS as well.
func (b *bench) startSecureOrigin(ctx context.Context, block string) (*origin, error) {
	return b.launch(ctx, &origin{block: block, keys: b.dir}, nil)
}

func (b *bench) launch(ctx context.Context, o *origin, line func(string)) (*origin, error) {
	if err := b.place(o); err != nil {
		return nil, err
	}
	if err := b.boot(ctx, o, line); err != nil {
		return nil, err
	}
	return o, nil
}

// place gives an origin its directory, addresses and config.
func (b *bench) place(o *origin) (err error) {
	if o.dir, err = os.MkdirTemp(b.dir, "caddy-"); err != nil {
		return err
	}
	o.root = filepath.Join(o.dir, "files")
	if err := os.Mkdir(o.root, 0o755); err != nil {
		return err
	}
	for _, addr := range []*string{&o.addr, &o.peer, &o.respond, &o.files, &o.admin, &o.secure, &o.secureRespond, &o.secureFiles} {
		if *addr, err = ports.FreeAddress("127.0.0.1"); err != nil {
			return err
		}
	}
	return o.write("")
}

// write writes the config; body is what the static response answers.
func (o *origin) write(body string) error {
	return os.WriteFile(o.caddyfile(), []byte(o.config(body)), 0o644)
}

func (o *origin) caddyfile() string { return filepath.Join(o.dir, "Caddyfile") }

// boot runs the process of an origin that has its place, and waits until it listens.
func (b *bench) boot(ctx context.Context, o *origin, line func(string)) (err error) {
	env := []string{"HOME=" + o.dir, "XDG_DATA_HOME=" + o.dir, "XDG_CONFIG_HOME=" + o.dir}
	if o.process, err = start(ctx, line, env, cmp.Or(o.program, b.caddy), "run", "--config", o.caddyfile(), "--adapter", "caddyfile"); err != nil {
		return err
	}
	for _, addr := range []string{o.addr, o.admin} {
		if err := o.listening(addr); err != nil {
			o.stop()
			return err
		}
	}
	return nil
}

// config is the Caddyfile. Each candidate has a site of its own, so that none
// passes through another one's handlers; over TLS it is the same channels, body and
// files.
func (o *origin) config(body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{
	admin %s
	persist_config off
	auto_https off
	log {
		output stderr
		format json
	}
	%s
}
`, o.admin, o.servers())
	for _, site := range []struct{ plain, secure, handler string }{
		{o.addr, o.secure, "live_origin {\n" + o.block + "\n}"},
		{o.respond, o.secureRespond, o.encoded() + "respond `" + body + "`"},
		{o.files, o.secureFiles, "root * " + o.root + "\nfile_server"},
	} {
		fmt.Fprintf(&b, "http://%s {\n%s\n}\n", site.plain, site.handler)
		if o.keys == "" {
			continue
		}
		fmt.Fprintf(&b, "https://%s {\ntls %[2]s/server.crt %[2]s/server.key\n%[3]s\n}\n", site.secure, o.keys, site.handler)
	}
	return b.String()
}

// servers are the options of Caddy's servers.
func (o *origin) servers() string {
	if !o.lossless {
		return ""
	}
	return "servers {\nlistener_wrappers {\nlive_origin\n}\n}"
}

// encoded says that the static response is compressed, if it is.
func (o *origin) encoded() string {
	if o.encoding == "" {
		return ""
	}
	return "header Content-Encoding " + o.encoding + "\n"
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
	var got []byte
	// A connection made while servers are being swapped may be closed without a response.
	for range 5 {
		c := &client{addr: o.respond}
		got, err = c.get("/")
		c.close()
		if err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(got, body) {
		return fmt.Errorf("the static response is not the playlist:\n%.1000s", got)
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
