package caddymodule

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DeRuina/timberjack"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

func tracedSite(file, more string) string {
	return strings.Replace(twoInputs, "input a /in/a\n", "trace "+file+more+"\ninput a /in/a\n", 1)
}

// onTrace lets the origin switch from a to b while it writes a trace, and returns
// the trace's files in order.
func onTrace(t *testing.T, options string) []string {
	t.Helper()
	return onTraceFile(t, filepath.Join(t.TempDir(), "traces", "sports.trace"), options)
}

func onTraceFile(t *testing.T, file, options string) []string {
	t.Helper()
	o := newOrigin(t, tracedSite(file, options))
	names, media := segments(t)
	for i := range 7 {
		for _, input := range []string{"a", "b"} {
			if input == "a" && i >= 4 {
				continue // a is dead
			}
			o.do("PUT", "/in/"+input+"/"+names[i], bytes.NewReader(media[i]))
			o.do("PUT", "/in/"+input+"/live.m3u8", strings.NewReader(playlistOf(0, names[:i+1])))
		}
	}
	read := func() (files []string, text string) {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
		if err != nil {
			t.Fatal(err)
		}
		// Rolled files have the time in their names; the current one is the last.
		slices.Sort(files)
		i := slices.Index(files, file)
		files = append(slices.Delete(files, i, i+1), file)
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text += string(b)
		}
		return files, text
	}
	var files []string
	eventually(t, "seven slots are in the trace", func() bool {
		var text string
		files, text = read()
		return strings.Count(text, `"published":{"endpoint"`) >= 7
	})
	return files
}

func TestATraceIsReplayed(t *testing.T) {
	files := onTrace(t, "")
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	out, err := run(replayCommand(), files...)
	if err != nil || !strings.Contains(out, "a to b, ") || !strings.Contains(out, "All are as recorded.") ||
		!strings.Contains(out, "7 slots, 1 switches, 0 discontinuities, 0s lost, 0 given up.") {
		t.Errorf("replay: %v\n%s", err, out)
	}
	out, err = run(replayCommand(), files[0], "--slots", "--endpoint", "hls")
	if err != nil || strings.Count(out, " hls ") != 7 {
		t.Errorf("replay with slots: %v\n%s", err, out)
	}
	for want, args := range map[string][]string{
		`the trace has no endpoint "other", only hls`:            {"--endpoint", "other"},
		`the trace has no input "c", only a, b`:                  {"--prefer", "c"},
		"segment-duration: must be from 1s to 30s, but is 1m0s":  {"--segment-duration", "1m"},
		"failover-grace: must be greater than zero":              {"--failover-grace", "-1s"},
		"time-delay: must be from 0s to 24h0m0s, but is 25h0m0s": {"--time-delay", "25h"},
		"prefer-after: must be greater than zero":                {"--prefer", "a", "--prefer-after", "0s"},
	} {
		if out, err := run(replayCommand(), append(args, files[0])...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("replay with %v: %v\n%s", args, err, out)
		}
	}
	// Longer segments would have been fewer.
	out, err = run(replayCommand(), files[0], "--segment-duration", "4s")
	if err != nil || !strings.Contains(out, "Recorded: 7 slots, 1 switches") || !strings.Contains(out, "With these options: ") ||
		strings.Contains(out, "options: 7 slots") || strings.Contains(out, "options: 0 slots") {
		t.Errorf("replay with another segment duration: %v\n%s", err, out)
	}
	t.Run("a difference is noticed", func(t *testing.T) { aReplayNoticesADifference(t, files[0]) })
	t.Run("behind a process that was killed", func(t *testing.T) { aTraceGoesOnBehindAProcessThatWasKilled(t, files[0]) })
}

func aReplayNoticesADifference(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"another input": func(s string) string { return strings.Replace(s, `"to":"b"`, `"to":"a"`, 1) },
		"a slot less": func(s string) string {
			lines := slices.Collect(strings.Lines(s))
			i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"published":{`) })
			return strings.Join(slices.Delete(lines, i, i+1), "")
		},
	} {
		changed := change(string(text))
		if changed == string(text) {
			t.Fatalf("%s: nothing to change in\n%s", name, text)
		}
		other := filepath.Join(t.TempDir(), "changed.trace")
		if err := os.WriteFile(other, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(replayCommand(), other); err == nil || !strings.Contains(err.Error(), "differently") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A process that is killed has perhaps written what a slot was decided on, and not the slot.
func aTraceGoesOnBehindAProcessThatWasKilled(t *testing.T, whole string) {
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(text, []byte(`{"time":"`))
	if !bytes.Contains(text[last:], []byte(`"published":{"endpoint"`)) {
		t.Fatalf("the last line is no slot: %s", text[last:])
	}
	file := filepath.Join(t.TempDir(), "sports.trace")
	if err := os.WriteFile(file, text[:last], 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(replayCommand(), file)
	if err != nil || !strings.Contains(out, "6 slots, 1 switches") || !strings.Contains(out, "All are as recorded.") {
		t.Errorf("replay of the first process: %v\n%s", err, out)
	}
	next := filepath.Join(t.TempDir(), "next.trace")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = run(replayCommand(), file, next)
	if err != nil || !strings.Contains(out, "13 slots, 2 switches") || !strings.Contains(out, "All are as recorded.") {
		t.Errorf("replay of both: %v\n%s", err, out)
	}
}

func TestATraceThatWasRolledIsReplayedInParts(t *testing.T) {
	files := onTrace(t, " {\nroll_size 4KiB\nroll_keep 20\n}")
	if len(files) < 3 {
		t.Fatalf("not rolled: %v", files)
	}
	out, err := run(replayCommand(), files...)
	if err != nil || !strings.Contains(out, "7 slots, 1 switches") || !strings.Contains(out, "All are as recorded.") {
		t.Errorf("replay of all: %v\n%s", err, out)
	}
	// Any file can be read by itself.
	out, err = run(replayCommand(), files[len(files)-2])
	if err != nil {
		t.Errorf("replay of one: %v\n%s", err, out)
	}
}

// What waits to be written when a file is rolled is longer than a file, and so is the checkpoint: each file has one
// all the same, and a checkpoint does not make the next file begin.
func TestEachFileOfATraceHasACheckpoint(t *testing.T) {
	dir := t.TempDir()
	trace, err := openTrace(Trace{Filename: filepath.Join(dir, "sports.trace"), RollSize: 1 << 10, RollKeep: 20})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tick := func() channel.Following {
		now = now.Add(time.Second)
		return trace.Trace(failover.RecordOf(now, failover.Tick{}))
	}
	checkpoint := func() {
		now = now.Add(time.Second)
		following := []channel.Following{trace.Trace(failover.Record{Time: now, Open: &failover.Opening{Continues: true}})}
		for range 100 {
			following = append(following, trace.Trace(failover.RecordOf(now, failover.Tick{})))
		}
		if slices.ContainsFunc(following, func(f channel.Following) bool { return f != channel.Records }) {
			t.Error("a checkpoint asks for another one")
		}
	}
	checkpoint()
	for range 3 {
		for tick() == channel.Records {
		}
		for range 100 {
			if tick() != channel.Records {
				t.Error("what waits for the checkpoint asks for another one")
			}
		}
		checkpoint()
	}
	trace.close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || bytes.Count(text, []byte(`"open":`)) != 1 {
			t.Errorf("%s has no checkpoint of its own: %v\n%s", file, err, text)
		}
	}
}

// The end of a process may tear the last line. What the next one writes is whole.
func TestATraceGoesOnBehindATornLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sports.trace")
	if err := os.WriteFile(file, []byte(`{"time":"2026-01-01T00:00:00Z","ob`), 0o600); err != nil {
		t.Fatal(err)
	}
	files := onTraceFile(t, file, "")
	out, err := run(replayCommand(), files...)
	if err != nil || !strings.Contains(out, "7 slots, 1 switches") || !strings.Contains(out, "All are as recorded.") ||
		!strings.Contains(out, "Lines that could not be read: 1, first "+file+":1.") {
		t.Errorf("replay: %v\n%s", err, out)
	}
}

// While a disk is full the channel goes on, and so does the trace afterwards: with a
// checkpoint, because a replay can't do without what is missing.
func TestATraceGoesOnBehindAHole(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		needs.Missing(t, err.Error())
	}
	file := filepath.Join(t.TempDir(), "sports.trace")
	o := newOrigin(t, tracedSite(file, ""))
	var trace *traceFile
	live.eachChannel(func(c *sharedChannel) { trace = c.traced })
	failing := func() bool {
		trace.mu.Lock()
		defer trace.mu.Unlock()
		return trace.failing
	}
	to := func(f *timberjack.Logger) (was *timberjack.Logger) {
		trace.mu.Lock()
		defer trace.mu.Unlock()
		was, trace.file, trace.retried = trace.file, f, time.Time{}
		return was
	}
	slots := func(n int) {
		t.Helper()
		eventually(t, "slots in the trace", func() bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Count(string(text), `"published":{"endpoint"`) >= n
		})
	}
	o.push("/in/a", 0, 3)
	slots(3)
	disk := to(&timberjack.Logger{Filename: full, MaxSize: rolledByHand})
	o.push("/in/a", 3, 5)
	eventually(t, "the disk is full", failing)
	want(t, o.do("GET", "/live/index.m3u8", nil), 200, "")
	if err := to(disk).Close(); err != nil {
		t.Error(err)
	}
	o.push("/in/a", 5, 8)
	eventually(t, "the disk has room again", func() bool { return !failing() })
	slots(3)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	behind := strings.Split(string(text), `"open":`)
	if len(behind) != 3 || !strings.Contains(behind[2], `"partial":true`) || strings.Contains(behind[2], `"continues"`) {
		t.Fatalf("the trace does not begin anew behind the hole:\n%s", text)
	}
	if out, err := run(replayCommand(), file); err != nil {
		t.Errorf("replay: %v\n%s", err, out)
	}
}

func TestTraceFilesThatCanNotBe(t *testing.T) {
	dir := t.TempDir()
	o, err := tryOrigin(t, tracedSite(dir, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.app.Start(); err == nil || !strings.Contains(err.Error(), "open trace") {
		t.Errorf("a directory as a trace: %v", err)
	}
	both := strings.Replace(tracedSite(dir+"/x", ""), "live_origin {\n", "live_origin {\nchannel news {\ntrace "+dir+"/./x\ninput a /in/news\nendpoint hls /news\n}\n", 1)
	if _, err := tryOrigin(t, both); err == nil || !strings.Contains(err.Error(), "is the trace of channel") {
		t.Errorf("two channels with one trace: %v", err)
	}
	for _, text := range []string{"", "\n", "{}\n", "nonsense\n", `{"time":"2026-01-01T00:00:00Z","tick":{}}` + "\n"} {
		file := filepath.Join(dir, "bad.trace")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(replayCommand(), file); err == nil {
			t.Errorf("replay of %q: %s", text, out)
		}
	}
}
