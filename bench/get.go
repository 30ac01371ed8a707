package main

import (
	"context"
	"os"
	"path/filepath"
)

// measurePlaylists fetches a playlist of about 1 KB.
func measurePlaylists(ctx context.Context, b *bench) ([]row, error) {
	if b.wrk == "" {
		return []row{leftOut("playlist GETs", "wrk")}, nil
	}
	// Fifteen slots make about 1 KB.
	o, err := b.startOrigin(ctx, pair("c0", 1, 14), nil)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	e := newEncoder(o.addr, b.small, "/in/c0/a")
	defer e.close()
	v := newViewer(o.addr, "c0")
	defer v.close()
	if err := v.begin(ctx, e, 20); err != nil {
		return nil, err
	}
	body, err := v.playlist()
	if err != nil {
		return nil, err
	}
	if err := o.answer(body); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(o.root, "live.m3u8"), body, 0o644); err != nil {
		return nil, err
	}
	get := func(url string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			requests, _, err := b.load(ctx, url)
			return requests, err
		}
	}
	candidates := []candidate{
		{"ours", b.profiled(o, "playlist", get("http://"+o.addr+v.path+"/"+v.name))},
		{"respond", get("http://" + o.respond + "/")},
		{"file_server", get("http://" + o.files + "/live.m3u8")},
	}
	if b.nginx != "" {
		n, err := b.startNginx(ctx, b.dir)
		if err != nil {
			return nil, err
		}
		defer n.stop()
		if err := os.WriteFile(filepath.Join(n.root, "live.m3u8"), body, 0o644); err != nil {
			return nil, err
		}
		candidates = append(candidates, candidate{"nginx", get("http://" + n.addr + "/live.m3u8")})
	}
	results, err := b.takeTurns(ctx, candidates)
	if err != nil {
		return nil, err
	}
	rows := []row{
		against("playlist GETs", results, "ours", "respond", 0.95, perSecond),
		against("playlist GETs", results, "ours", "file_server", 0, perSecond),
	}
	if b.nginx == "" {
		return append(rows, leftOut("playlist GETs", "nginx")), nil
	}
	return append(rows, against("playlist GETs", results, "ours", "nginx", 0, perSecond)), nil
}

// measureSegments fetches a segment of about 2 MiB.
func measureSegments(ctx context.Context, b *bench) ([]row, error) {
	if b.wrk == "" {
		return []row{leftOut("segment bytes", "wrk")}, nil
	}
	o, err := b.startOrigin(ctx, pair("c0", 2, 6), nil)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	e := newEncoder(o.addr, b.large, "/in/c0/a")
	defer e.close()
	v := newViewer(o.addr, "c0")
	defer v.close()
	if err := v.begin(ctx, e, 5); err != nil {
		return nil, err
	}
	path, err := v.newest()
	if err != nil {
		return nil, err
	}
	body, err := v.get(path)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(o.root, "seg.ts"), body, 0o644); err != nil {
		return nil, err
	}
	get := func(url string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			_, bytes, err := b.load(ctx, url)
			return bytes, err
		}
	}
	candidates := []candidate{
		{"ours", b.profiled(o, "segment", get("http://"+o.addr+path))},
		{"file_server", get("http://" + o.files + "/seg.ts")},
	}
	if b.nginx != "" {
		n, err := b.startNginx(ctx, b.dir)
		if err != nil {
			return nil, err
		}
		defer n.stop()
		if err := os.WriteFile(filepath.Join(n.root, "seg.ts"), body, 0o644); err != nil {
			return nil, err
		}
		candidates = append(candidates, candidate{"nginx", get("http://" + n.addr + "/seg.ts")})
	}
	results, err := b.takeTurns(ctx, candidates)
	if err != nil {
		return nil, err
	}
	rows := []row{against("segment bytes", results, "ours", "file_server", 1.2, gigabytes)}
	if b.nginx == "" {
		return append(rows, leftOut("segment bytes", "nginx")), nil
	}
	return append(rows, against("segment bytes", results, "ours", "nginx", 0, gigabytes)), nil
}
