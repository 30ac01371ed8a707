package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// span is a loss, and since when it was seen that there was none.
type span struct{ calm, lost, back time.Time }

// outcome is what one player made of a loss.
type outcome struct {
	player, mode string
	length       time.Duration

	control   string        // what was wrong before the loss, if anything
	recovered bool          // the picture moves at the end, and no error was fatal
	after     time.Duration // from the encoder's return until the picture moved again
	stopped   time.Duration // how long the picture stood still, all in all
	before    time.Duration // how far behind the dates of the media it was before the loss,
	now       time.Duration // and at the end
	gaveUp    time.Duration // from the loss until the picture stopped for good
	fatal     []string
	errors    []string
}

func (o outcome) String() string {
	if o.control != "" {
		return "not measured: before the loss " + o.control
	}
	if !o.recovered {
		why := "stands still"
		if len(o.fatal) > 0 {
			why = o.fatal[0]
		}
		return fmt.Sprintf("**gave up** after %.0f s: %s", o.gaveUp.Seconds(), why)
	}
	if o.stopped == 0 {
		return fmt.Sprintf("no stop; %.0f → %.0f s", o.before.Seconds(), o.now.Seconds())
	}
	return fmt.Sprintf("+%.1f s; stopped %.0f s; %.0f → %.0f s", o.after.Seconds(), o.stopped.Seconds(), o.before.Seconds(), o.now.Seconds())
}

// subject is a player under measurement: one of the two.
type subject struct {
	outcome
	browser *player
	ffmpeg  *ffmpegPlayer
}

func outcomes(all []*subject) (list []outcome) {
	for _, s := range all {
		list = append(list, s.outcome)
	}
	return list
}

// ask ends an ffmpeg, and lets a browser go on.
func (s *subject) ask() playerReport {
	if s.browser != nil {
		return s.browser.ask("{}")
	}
	return s.ffmpeg.report()
}

// judge asks the player what it saw.
func (s *subject) judge(loss span) {
	r, now := s.ask(), time.Now().UnixMilli()
	s.fatal, s.errors = r.Fatal, r.Errors
	var longest pause
	late := time.Duration(0) // stood still in the last seconds
	for _, p := range r.Stills {
		if before := overlap(p, loss.calm.UnixMilli(), loss.lost.UnixMilli()); before > time.Second {
			s.control = fmt.Sprintf("the picture stood still for %s", before)
		}
		s.stopped += overlap(p, loss.lost.UnixMilli(), now)
		late += overlap(p, now-5000, now)
		// What begins long after the encoder's return has another cause.
		if p[1] > loss.lost.UnixMilli() && p[0] < loss.back.Add(20*time.Second).UnixMilli() && p.length() > longest.length() {
			longest = p
		}
	}
	if n := len(r.Stills); n > 0 {
		s.gaveUp = time.UnixMilli(r.Stills[n-1][0]).Sub(loss.lost)
	}
	if longest != (pause{}) {
		s.after = time.UnixMilli(longest[1]).Sub(loss.back)
	}
	for _, b := range r.Behind {
		s.now = time.Duration(b[1]) * time.Millisecond
		if b[0] < loss.lost.UnixMilli() {
			s.before = s.now
		}
	}
	s.recovered = len(s.fatal) == 0 && late < time.Second
}

func overlap(p pause, from, to int64) time.Duration {
	return time.Duration(max(0, min(p[1], to)-max(p[0], from))) * time.Millisecond
}

// printLosses prints a row for every length and player, with a column for every
// mode.
func printLosses(w io.Writer, table []outcome) {
	fmt.Fprintf(w, "| loss | player | %s |\n|---|---|%s\n", strings.Join(lossModes, " | "), strings.Repeat("---|", len(lossModes)))
	for i := 0; i < len(table); {
		length := table[i].length
		end := i
		for end < len(table) && table[end].length == length {
			end++
		}
		for _, p := range lossPlayers {
			fmt.Fprintf(w, "| %s | %s |", length, p.name)
			for _, mode := range lossModes {
				for _, o := range table[i:end] {
					if o.player == p.name && o.mode == mode {
						fmt.Fprintf(w, " %s |", o)
					}
				}
			}
			fmt.Fprintln(w)
		}
		i = end
	}
}

// ffmpegPlayer is an ffmpeg that plays a stream at its own pace, and what is
// seen of it.
type ffmpegPlayer struct {
	cmd    *exec.Cmd
	end    chan struct{}
	follow *viewer

	mu     sync.Mutex
	r      playerReport
	moved  time.Time
	opened []string // names of the segments, in order
}

var (
	segmentOpened = regexp.MustCompile(`HLS request for url '[^']*/([^'/]+)'`)
	picturesSeen  = regexp.MustCompile(`^frame=\s*(\d+)`)
)

// picturesPerSegment are those of the encoders here.
const picturesPerSegment = 50

// followFFmpeg starts an ffmpeg on a stream whose playlists follow reads as well.
func followFFmpeg(t *testing.T, stream string, follow *viewer, options ...string) *ffmpegPlayer {
	t.Helper()
	f := &ffmpegPlayer{follow: follow, end: make(chan struct{})}
	args := []string{"-nostdin", "-v", "verbose", "-nostats", "-progress", "pipe:1", "-stats_period", "0.05", "-re"}
	args = append(append(args, options...), "-i", stream, "-f", "null", "-")
	f.cmd = exec.Command("ffmpeg", args...)
	stdout, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := f.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { f.lines(stdout, f.progress) })
	reading.Go(func() { f.lines(stderr, f.log) })
	go func() {
		reading.Wait()
		_ = f.cmd.Wait()
		close(f.end)
	}()
	t.Cleanup(func() {
		_ = f.cmd.Process.Kill()
		<-f.end
	})
	return f
}

func (f *ffmpegPlayer) lines(r io.Reader, line func(string)) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		f.mu.Lock()
		line(s.Text())
		f.mu.Unlock()
	}
}

func (f *ffmpegPlayer) progress(line string) {
	m := picturesSeen.FindStringSubmatch(line)
	if m == nil {
		return
	}
	now := time.Now()
	n, _ := strconv.Atoi(m[1])
	if n == f.r.Pictures {
		return
	}
	if p := (pause{f.moved.UnixMilli(), now.UnixMilli()}); !f.moved.IsZero() && p.length() > longestBurst {
		f.r.Stills = append(f.r.Stills, p)
	}
	f.moved, f.r.Pictures = now, n
	if n := len(f.r.Behind); n > 0 && now.UnixMilli()-f.r.Behind[n-1][0] < 1000 {
		return
	}
	if position, ok := f.position(); ok {
		f.r.Behind = append(f.r.Behind, [2]int64{now.UnixMilli(), now.Sub(position).Milliseconds()})
	}
}

// longestBurst is a segment and a half: once ffmpeg is behind the pace of -re, it
// plays every segment as soon as it has it, and then waits for the next one.
const longestBurst = 3 * time.Second

func (f *ffmpegPlayer) log(line string) {
	if m := segmentOpened.FindStringSubmatch(line); m != nil {
		f.opened = append(f.opened, m[1])
		return
	}
}

// position is the date of the picture that is shown: ffmpeg plays one segment
// after the other, those that are no gaps.
func (f *ffmpegPlayer) position() (time.Time, bool) {
	dates := f.follow.dates()
	left := f.r.Pictures
	seen := map[string]bool{}
	for _, name := range f.opened {
		date, ok := dates[name]
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		if left <= picturesPerSegment {
			return date.Add(time.Duration(left) * 40 * time.Millisecond), true
		}
		left -= picturesPerSegment
	}
	return time.Time{}, false
}

// dates are those of the segments that are no gaps, by name.
func (v *viewer) dates() map[string]time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	dates := map[string]time.Time{}
	for _, f := range v.renditions {
		for _, s := range f.segments {
			if !s.gap {
				dates[s.uri[strings.LastIndexByte(s.uri, '/')+1:]] = s.date
			}
		}
	}
	return dates
}

// report ends ffmpeg. That it has ended by itself is fatal.
func (f *ffmpegPlayer) report() playerReport {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if p := (pause{f.moved.UnixMilli(), now.UnixMilli()}); p.length() > longestBurst {
		f.r.Stills = append(f.r.Stills, p)
	}
	select {
	case <-f.end:
		f.r.Fatal = append(f.r.Fatal, fmt.Sprintf("ended with code %d", f.cmd.ProcessState.ExitCode()))
	default:
	}
	_ = f.cmd.Process.Kill()
	return f.r
}
