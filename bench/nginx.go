package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/liveorigin/caddy-live-origin/internal/ports"
)

// nginxServer is an nginx that takes uploads and serves files.
type nginxServer struct {
	*process
	addr   string
	secure string // the same over TLS, with HTTP/2
	root   string
}

// startNginx runs nginx below dir. Uploads go to a memory buffer of 1 MiB first, then to a
// file, which is renamed: with the larger buffer it is faster than with the default of 16
// KiB.
func (b *bench) startNginx(ctx context.Context, dir string) (*nginxServer, error) {
	dir, err := os.MkdirTemp(dir, "nginx-")
	if err != nil {
		return nil, err
	}
	n := &nginxServer{root: filepath.Join(dir, "files")}
	for _, sub := range []string{n.root, filepath.Join(dir, "tmp")} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
	}
	for _, addr := range []*string{&n.addr, &n.secure} {
		if *addr, err = ports.FreeAddress("127.0.0.1"); err != nil {
			return nil, err
		}
	}
	// Workers run as the user that owns the directory, even where that is root.
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	config := fmt.Sprintf(`daemon off;
%s
worker_processes 2;
pid %[2]s/pid;
error_log stderr error;
events {
	worker_connections 1024;
}
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=1000;
	client_max_body_size 64m;
	client_body_buffer_size 1m;
	client_body_temp_path %[2]s/tmp;
	proxy_temp_path %[2]s/tmp-proxy;
	fastcgi_temp_path %[2]s/tmp-fastcgi;
	uwsgi_temp_path %[2]s/tmp-uwsgi;
	scgi_temp_path %[2]s/tmp-scgi;
	server {
		listen %[3]s;
		listen %[5]s ssl http2;
		http2_max_concurrent_streams 128;
		ssl_certificate %[6]s/server.crt;
		ssl_certificate_key %[6]s/server.key;
		root %[4]s;
		location /in/ {
			dav_methods PUT DELETE;
			create_full_put_path on;
			open_file_cache off;
		}
	}
}
`, user, dir, n.addr, n.root, n.secure, b.dir)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return nil, err
	}
	if n.process, err = start(ctx, nil, nil, b.nginx, "-p", dir, "-e", "stderr", "-c", path); err != nil {
		return nil, err
	}
	if err := n.listening(n.addr); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// clear removes all that was uploaded.
func (n *nginxServer) clear() error { return os.RemoveAll(filepath.Join(n.root, "in")) }
