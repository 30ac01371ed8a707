package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	startoverViewers = 1000
	startoverGoal    = 0.020 // seconds, of the first request
)

// measureStartover measures the playlists of a day and of 14 days, at an origin that has
// just started on a directory with 14 days of slots.
func measureStartover(ctx context.Context, b *bench) ([]row, error) {
	if b.wrk == "" {
		return []row{leftOut("startover", "wrk")}, nil
	}
	const most = 14 * 24 * time.Hour
	dir, err := b.archive(ctx, most)
	if err != nil {
		return nil, fmt.Errorf("make an archive: %w", err)
	}
	defer os.RemoveAll(dir)
	begin := time.Now()
	o, err := b.startOrigin(ctx, fileStore(dir), nil)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	a := &archiveViewer{origin: o}
	if err := a.wait(ctx); err != nil {
		return nil, err
	}
	ready := time.Since(begin)
	computed, err := o.cpu()
	if err != nil {
		return nil, err
	}
	rows := []row{{
		what: fmt.Sprintf("start with 14 days of journals, %d renditions", archiveRenditions),
		ours: fmt.Sprintf("%.1f s", ready.Seconds()), peer: fmt.Sprintf("CPU %.1f s", computed), ratio: "-", goal: "-", met: "-",
	}}
	early, _, err := a.fetch(int(a.slots) - 43_200 + 7)
	if err != nil {
		return rows, err
	}
	rows = append(rows, row{what: "startover of 24h, right after the start", ours: milliseconds(early.Seconds()), peer: "-", ratio: "-", goal: "-", met: "-"})
	if err := a.idle(ctx); err != nil {
		return rows, err
	}
	resident, err := o.resident()
	if err != nil {
		return rows, err
	}
	rows = append(rows, row{
		what: "memory after the start, per slot", ours: fmt.Sprintf("%.0f bytes", resident/float64(a.slots)),
		peer: fmt.Sprintf("%.0f MiB in all", resident/(1<<20)), ratio: "-", goal: "-", met: "-",
	})
	for _, length := range []time.Duration{24 * time.Hour, most - time.Minute} {
		more, err := b.startoverOf(ctx, a, length)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// startoverOf measures playlists from so long ago until now.
func (b *bench) startoverOf(ctx context.Context, a *archiveViewer, length time.Duration) ([]row, error) {
	what := "startover of " + strings.TrimSuffix(length.Round(time.Hour).String(), "0m0s")
	first := int(a.slots) - int(length/time.Second)/archiveSlot
	var took []float64
	var body []byte
	for i := range 30 {
		d, packed, err := a.fetch(first + i + 1)
		if err != nil {
			return nil, err
		}
		took, body = append(took, d.Seconds()), packed
	}
	rows := []row{{
		what: fmt.Sprintf("%s (%d kB), first request", what, len(body)/1000),
		ours: fmt.Sprintf("p50 %s, worst %s", milliseconds(median(took)), milliseconds(slices.Max(took))), peer: "-", ratio: "-",
		goal: "p50 < " + milliseconds(startoverGoal), met: yes(median(took) < startoverGoal),
	}}
	if err := a.text(body, int(a.slots)-first-30); err != nil {
		return rows, err
	}
	// The static response can only be text. What it says does not matter to those who don't
	// unpack it.
	a.encoding = "gzip"
	if err := a.answer([]byte(base64.StdEncoding.EncodeToString(body)[:len(body)])); err != nil {
		return rows, err
	}
	costs := &costs{process: a.process, of: map[string][]float64{}}
	get := func(server string, paths ...string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) { return b.loadPacked(ctx, server, paths) }
	}
	results, err := b.takeTurns(ctx, []candidate{
		{"ours", b.profiled(a.origin, what, costs.per("ours", get(a.addr, a.path(first+30)), b.time))},
		{"respond", costs.per("respond", get(a.respond, a.path(first+30)), b.time)},
	})
	if err != nil {
		return rows, err
	}
	rows = append(rows, against(what+", later requests", results, "ours", "respond", 0.8, perSecond), costs.row(what+", later requests", "ours", "respond"))
	paths := make([]string, startoverViewers)
	for i := range paths {
		paths[i] = a.path(first + i*(int(a.slots)-first)/len(paths))
	}
	rand.Shuffle(len(paths), func(i, k int) { paths[i], paths[k] = paths[k], paths[i] })
	r := row{what: fmt.Sprintf("%s, %d viewers at different starts", what, len(paths)), ours: "-", peer: "-", ratio: "-", goal: "-", met: "-"}
	rate, err := b.loadPacked(ctx, a.addr, paths)
	if errors.Is(err, errRefused) {
		r.ours = err.Error()
		return append(rows, r), nil
	}
	if err != nil {
		return rows, err
	}
	resident, err := a.resident()
	r.ours, r.peer = perSecond(rate), fmt.Sprintf("%.0f MiB resident", resident/(1<<20))
	return append(rows, r), err
}

// archiveViewer fetches playlists of the past.
type archiveViewer struct {
	*origin
	name   string // of a rendition's playlist
	oldest uint64 // number of the first slot that there is
	slots  uint64
}

// wait waits until the origin serves, and looks around.
func (a *archiveViewer) wait(ctx context.Context) error {
	v := newViewer(a.addr, "c0")
	defer v.close()
	for range 6000 {
		if v.find() == nil {
			break
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	edge, err := v.edge()
	if err != nil {
		return err
	}
	a.name, a.slots = v.name, uint64(14*24*time.Hour/time.Second/archiveSlot)
	a.oldest = uint64(edge) + 1 - a.slots
	return nil
}

// path is that of the playlist that begins with this slot.
func (a *archiveViewer) path(slot int) string {
	return fmt.Sprintf("/live/c0/%s?first=%d", a.name, a.oldest+uint64(slot))
}

// fetch asks as players do. The first one may be a little early.
func (a *archiveViewer) fetch(slot int) (took time.Duration, packed []byte, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+a.addr+a.path(slot), nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	packed, err = io.ReadAll(resp.Body)
	took = time.Since(begin)
	if err == nil && (resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "gzip") {
		err = fmt.Errorf("%s: %s", r.URL, resp.Status)
	}
	return took, packed, err
}

// text makes sure that the playlist lists so many segments.
func (a *archiveViewer) text(packed []byte, segments int) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if n := bytes.Count(text, []byte("\n#EXTINF")); err == nil && n != segments {
		err = fmt.Errorf("the playlist has %d segments, not %d", n, segments)
	}
	return err
}

// idle waits until the process computes nothing any more.
func (a *archiveViewer) idle(ctx context.Context) error {
	before, err := a.cpu()
	for range 120 {
		if err == nil {
			err = rest(ctx, time.Second)
		}
		if err != nil {
			return err
		}
		var now float64
		if now, err = a.cpu(); now-before < 0.05 {
			return err
		}
		before = now
	}
	return errors.New("the origin is still busy two minutes after its start")
}

var errRefused = errors.New("refused, or not answered in time")

// packedReport makes wrk ask for one path after another, compressed.
const packedReport = `
local paths = { %s }
local headers = { ["Accept-Encoding"] = "gzip" }
local n = 0
request = function()
	n = n %% #paths + 1
	return wrk.format("GET", paths[n], headers)
end
`

// loadPacked fetches the paths, and returns requests per second.
func (b *bench) loadPacked(ctx context.Context, server string, paths []string) (float64, error) {
	script := filepath.Join(b.dir, "packed.lua")
	text := wrkReport + fmt.Sprintf(packedReport, `"`+strings.Join(paths, `", "`)+`"`)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.time+30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.wrk, "-t2", "--timeout", "20s", fmt.Sprintf("-c%d", connections),
		fmt.Sprintf("-d%ds", int(b.time.Seconds())), "-s", script, "http://"+server+"/").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	_, result, ok := strings.Cut(string(out), "RESULT ")
	var requests, bytes, microseconds, failed float64
	if n, _ := fmt.Sscan(result, &requests, &bytes, &microseconds, &failed); !ok || n != 4 {
		return 0, fmt.Errorf("wrk %s:\n%s", server, out)
	}
	if failed > 0 || requests == 0 {
		return 0, fmt.Errorf("%w: %.0f of %.0f", errRefused, failed, requests)
	}
	return requests / microseconds * 1e6, nil
}
