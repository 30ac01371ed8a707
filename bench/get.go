package main

import (
	"context"
	"os"
	"path/filepath"
)

// protocol is what viewers speak.
type protocol struct {
	suffix string // of the rows
	secure bool
	// program generates the load, if it has to be installed.
	program string
	load    func(b *bench, ctx context.Context, url string) (requests, bytes float64, err error)
	// spoken by nginx.
	nginx bool
}

var (
	overHTTP1 = protocol{"", false, "wrk", (*bench).loadHTTP1, true}
	overHTTP2 = protocol{", HTTP/2", true, "h2load", (*bench).loadHTTP2, true}
	overHTTP3 = protocol{", HTTP/3", true, "", (*bench).loadHTTP3, false}
)

// missing says what has to be installed to generate the load, empty if it is there.
func (b *bench) missing(p protocol) string {
	if p.program == "wrk" && b.wrk == "" || p.program == "h2load" && b.h2load == "" {
		return p.program
	}
	return ""
}

// at is the server's address for this protocol.
func (p protocol) at(plain, secure string) string {
	if p.secure {
		return "https://" + secure
	}
	return "http://" + plain
}

// playlists fetches a playlist of about 1 KB.
func playlists(p protocol) func(context.Context, *bench) ([]row, error) {
	return func(ctx context.Context, b *bench) ([]row, error) {
		what := "playlist GETs" + p.suffix
		if program := b.missing(p); program != "" {
			return []row{leftOut(what, program)}, nil
		}
		// Fifteen slots make about 1 KB.
		o, v, err := b.onAir(ctx, b.small, 1, 14)
		if err != nil {
			return nil, err
		}
		defer o.stop()
		defer v.close()
		body, err := v.playlist()
		if err != nil {
			return nil, err
		}
		if err := o.answer(body); err != nil {
			return nil, err
		}
		// The same request for all, as reading it costs time as well.
		path := v.path + "/" + v.name
		costs := &costs{process: o.process, of: map[string][]float64{}}
		candidates := []candidate{
			{"ours", b.profiled(o, "playlist"+p.suffix, costs.per("ours", b.requests(p, p.at(o.addr, o.secure)+path), b.time))},
			{"respond", costs.per("respond", b.requests(p, p.at(o.respond, o.secureRespond)+path), b.time)},
		}
		rows := func(results map[string][]float64) []row {
			rows := []row{against(what, results, "ours", "respond", 1, perSecond), costs.row(what, "ours", "respond")}
			for _, peer := range []string{"file_server", "nginx"} {
				if results[peer] != nil {
					rows = append(rows, against(what, results, "ours", peer, 0, perSecond))
				}
			}
			return rows
		}
		return b.againstFiles(ctx, p, what, o, path, body, candidates, (*bench).requests, rows)
	}
}

// segments fetches a segment of about 2 MiB.
func segments(p protocol) func(context.Context, *bench) ([]row, error) {
	return func(ctx context.Context, b *bench) ([]row, error) {
		what := "segment bytes" + p.suffix
		if program := b.missing(p); program != "" {
			return []row{leftOut(what, program)}, nil
		}
		o, v, err := b.onAir(ctx, b.large, 2, 6)
		if err != nil {
			return nil, err
		}
		defer o.stop()
		defer v.close()
		path, err := v.newest()
		if err != nil {
			return nil, err
		}
		body, err := v.get(path)
		if err != nil {
			return nil, err
		}
		candidates := []candidate{
			{"ours", b.profiled(o, "segment"+p.suffix, b.bytes(p, p.at(o.addr, o.secure)+path))},
		}
		goal := 2.0
		if p.secure {
			goal = 1.2
		}
		rows := func(results map[string][]float64) []row {
			rows := []row{against(what, results, "ours", "file_server", goal, gigabytes)}
			if results["nginx"] != nil {
				rows = append(rows, against(what, results, "ours", "nginx", 1, gigabytes))
			}
			return rows
		}
		return b.againstFiles(ctx, p, what, o, path, body, candidates, (*bench).bytes, rows)
	}
}

// onAir starts an origin with one channel that has published some slots.
func (b *bench) onAir(ctx context.Context, p *programme, segmentSeconds, windowSeconds int) (*origin, *viewer, error) {
	o, err := b.startSecureOrigin(ctx, pair("c0", segmentSeconds, windowSeconds))
	if err != nil {
		return nil, nil, err
	}
	e := newEncoder(o.addr, p, "/in/c0/a")
	defer e.close()
	v := newViewer(o.addr, "c0")
	if err := v.begin(ctx, e, 20); err != nil {
		v.close()
		o.stop()
		return nil, nil, err
	}
	return o, v, nil
}

// againstFiles adds the candidates that serve the body as a file at the path, lets all take turns
// and makes the rows.
func (b *bench) againstFiles(ctx context.Context, p protocol, what string, o *origin, path string, body []byte, candidates []candidate,
	get func(*bench, protocol, string) func(context.Context) (float64, error), rows func(map[string][]float64) []row) ([]row, error) {
	if err := putFile(o.root, path, body); err != nil {
		return nil, err
	}
	candidates = append(candidates, candidate{"file_server", get(b, p, p.at(o.files, o.secureFiles)+path)})
	if b.nginx != "" && p.nginx {
		n, err := b.startNginx(ctx, b.dir)
		if err != nil {
			return nil, err
		}
		defer n.stop()
		if err := putFile(n.root, path, body); err != nil {
			return nil, err
		}
		candidates = append(candidates, candidate{"nginx", get(b, p, p.at(n.addr, n.secure)+path)})
	}
	results, err := b.takeTurns(ctx, candidates)
	if err != nil {
		return nil, err
	}
	table := rows(results)
	if b.nginx == "" && p.nginx {
		table = append(table, leftOut(what, "nginx"))
	}
	return table, nil
}

// putFile writes a file that a server is to serve at a path.
func putFile(root, path string, body []byte) error {
	name := filepath.Join(root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, body, 0o644)
}

// requests counts them per second.
func (b *bench) requests(p protocol, url string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		requests, _, err := p.load(b, ctx, url)
		return requests, err
	}
}

// bytes counts them per second.
func (b *bench) bytes(p protocol, url string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		_, bytes, err := p.load(b, ctx, url)
		return bytes, err
	}
}
