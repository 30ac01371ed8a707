package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/needs"
)

// segmentSeconds is 48 pictures at 25/s and 90 AAC frames at 48 kHz: encoders
// that begin at any multiple of it cut video and audio at the same places.
const segmentSeconds = 1.92

// contribution is the programme: an ffmpeg that makes two video streams and an
// audio stream in real time, and hands the same MPEG-TS to every encoder, as a
// multicast or a pair of SRT links would.
type contribution struct {
	t     *testing.T
	cmd   *exec.Cmd
	begun time.Time

	mu    sync.Mutex
	feed  bytes.Buffer // all of it, to compare with
	feeds map[*feed]bool
}

// feed is one encoder's copy. It is never slowed down by the encoder.
type feed struct {
	mu     sync.Mutex
	cond   *sync.Cond
	queue  [][]byte
	closed bool
}

func startContribution(t *testing.T) *contribution {
	t.Helper()
	return startContributionOf(t, "testsrc2=size=640x360:rate=25")
}

// startContributionOf has another picture.
func startContributionOf(t *testing.T, picture string) *contribution {
	t.Helper()
	needs.Programs(t, "ffmpeg", "ffprobe")
	c := &contribution{t: t, feeds: map[*feed]bool{}}
	c.cmd = exec.Command("ffmpeg", "-nostdin", "-v", "error",
		"-re", "-f", "lavfi", "-i", picture,
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-filter_complex", "[0:v]split[a][b];[b]scale=320:180[c]",
		"-map", "[a]", "-map", "[c]", "-map", "1:a",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "400k", "-bf", "2", "-threads", "1",
		"-g", "48", "-keyint_min", "48", "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", "64k", "-ac", "1",
		"-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "pipe:1")
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	first := make(chan struct{})
	go c.distribute(out, first)
	<-first
	c.begun = time.Now()
	return c
}

// distribute hands whole packets to all feeds.
func (c *contribution) distribute(r io.Reader, first chan struct{}) {
	started := false
	for {
		b := make([]byte, 188*64)
		n, err := io.ReadAtLeast(r, b, 188)
		rest := n % 188
		if rest > 0 {
			m, _ := io.ReadFull(r, b[n:n+188-rest])
			n += m
		}
		c.mu.Lock()
		c.feed.Write(b[:n])
		for f := range c.feeds {
			f.push(b[:n])
		}
		c.mu.Unlock()
		if !started {
			started = true
			close(first)
		}
		if err != nil {
			return
		}
	}
}

func (f *feed) push(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, b)
	f.cond.Signal()
}

func (f *feed) pump(w io.WriteCloser) {
	defer w.Close()
	for {
		f.mu.Lock()
		for len(f.queue) == 0 && !f.closed {
			f.cond.Wait()
		}
		queue := f.queue
		f.queue = nil
		closed := f.closed
		f.mu.Unlock()
		for _, b := range queue {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
		if closed {
			return
		}
	}
}

// recorded is the programme so far.
func (c *contribution) recorded() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.feed.Bytes())
}

// encoder is an ffmpeg that pushes HLS.
type encoder struct {
	t      *testing.T
	cmd    *exec.Cmd
	feed   *feed
	source *contribution
	stderr *printed
	done   chan struct{}
}

// startEncoder starts an ffmpeg on the contribution, which begins with the next
// segment that it can get whole: -ss drops what comes before, and
// -output_ts_offset gives back the timestamps that -ss takes away.
func (c *contribution) startEncoder(target string, output ...string) *encoder {
	c.t.Helper()
	return c.startEncoderAt(c.nextBegin(), target, output...)
}

// nextBegin is the programme time of the next segment that an encoder which is
// started now gets whole.
func (c *contribution) nextBegin() string { return c.beginIn(time.Second) }

// beginIn is that of the first one which begins so much later at the earliest.
func (c *contribution) beginIn(d time.Duration) string {
	begin := math.Ceil((time.Since(c.begun)+d).Seconds()/segmentSeconds) * segmentSeconds
	return fmt.Sprintf("%.2f", begin)
}

// startEncoderAt starts an encoder that begins at a programme time. ffmpeg's
// fragmented MP4 counts from there, so a locked pair needs the same one.
func (c *contribution) startEncoderAt(at, target string, output ...string) *encoder {
	c.t.Helper()
	e := &encoder{t: c.t, source: c, feed: &feed{}, stderr: &printed{}, done: make(chan struct{})}
	e.feed.cond = sync.NewCond(&e.feed.mu)
	args := []string{
		"-v", "error", "-copyts", "-f", "mpegts", "-i", "pipe:0",
		"-ss", at, "-output_ts_offset", at,
	}
	if len(output) == 0 {
		output = lockedOutput(target)
	}
	e.cmd = exec.Command("ffmpeg", append(args, output...)...)
	e.cmd.Stderr = e.stderr
	in, err := e.cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.feeds[e.feed] = true
	c.mu.Unlock()
	if err := e.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go e.feed.pump(in)
	go func() {
		_ = e.cmd.Wait()
		close(e.done)
	}()
	c.t.Cleanup(e.end)
	return e
}

// lockedOutput pushes two video variants and an audio rendition, without
// encoding anew: what comes out of the origin can be compared with the
// contribution packet by packet.
func lockedOutput(target string) []string {
	return []string{
		"-map", "0:v:0", "-map", "0:v:1", "-map", "0:a:0", "-c", "copy",
		"-f", "hls", "-method", "PUT", "-hls_time", fmt.Sprint(segmentSeconds), "-hls_list_size", "6",
		"-var_stream_map", "v:0,agroup:aud,name:v0 v:1,agroup:aud,name:v1 a:0,agroup:aud,name:audio,default:yes",
		"-master_pl_name", "master.m3u8",
		"-hls_segment_filename", target + "/%v/seg%d.ts", target + "/%v/live.m3u8",
	}
}

// end kills the encoder at the end of its test.
func (e *encoder) end() {
	e.kill()
	if said := e.stderr.String(); e.t.Failed() && said != "" {
		e.t.Logf("ffmpeg: %s", said)
	}
}

func (e *encoder) kill() {
	if e.source != nil {
		e.source.mu.Lock()
		delete(e.source.feeds, e.feed)
		e.source.mu.Unlock()
	}
	_ = e.cmd.Process.Signal(syscall.SIGCONT)
	_ = e.cmd.Process.Kill()
	<-e.done
	if e.feed == nil {
		return
	}
	e.feed.mu.Lock()
	e.feed.closed = true
	e.feed.cond.Signal()
	e.feed.mu.Unlock()
}

func (e *encoder) signal(s syscall.Signal) {
	e.t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Fatal(err)
	}
}

// fmp4Output is lockedOutput with fragmented MP4.
func fmp4Output(target string) []string {
	return []string{
		"-map", "0:v:0", "-map", "0:v:1", "-map", "0:a:0", "-c", "copy", "-bsf:a", "aac_adtstoasc",
		"-f", "hls", "-method", "PUT", "-hls_time", fmt.Sprint(segmentSeconds), "-hls_list_size", "6",
		"-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4",
		"-var_stream_map", "v:0,agroup:aud,name:v0 v:1,agroup:aud,name:v1 a:0,agroup:aud,name:audio,default:yes",
		"-master_pl_name", "master.m3u8",
		"-hls_segment_filename", target + "/%v/seg%d.m4s", target + "/%v/live.m3u8",
	}
}

// dashOutput writes DASH with HLS playlists, as low-delay encoders do: every
// segment is one long chunked PUT that lasts as long as the segment.
func dashOutput(target string) []string {
	return []string{
		"-map", "0:v:0", "-map", "0:a:0", "-c", "copy", "-tag:v", "avc1", "-tag:a", "mp4a", "-bsf:a", "aac_adtstoasc",
		"-f", "dash", "-method", "PUT", "-seg_duration", fmt.Sprint(segmentSeconds), "-window_size", "6",
		"-streaming", "1", "-ldash", "1", "-use_template", "1", "-use_timeline", "0",
		"-hls_playlist", "1", "-hls_master_name", "master.m3u8", "-http_persistent", "0",
		"-remove_at_exit", "0", target + "/manifest.mpd",
	}
}

// startIndependent starts an encoder that shares nothing with any other but the
// clock of the day: its own pictures, timestamps and key frames.
func startIndependent(t *testing.T, target string, gop int, extra ...string) *encoder {
	t.Helper()
	needs.Programs(t, "ffmpeg", "ffprobe")
	e := &encoder{t: t, stderr: &printed{}, done: make(chan struct{})}
	args := []string{
		"-nostdin", "-v", "error",
		"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "300k", "-threads", "1",
		"-g", fmt.Sprint(gop), "-keyint_min", fmt.Sprint(gop), "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", "64k",
		// Every segment is one group of pictures: with 2 s for groups of 1.8 s there
		// would be one of 3.6 s now and then.
		"-f", "hls", "-method", "PUT", "-hls_time", fmt.Sprint(float64(gop) / 25),
		"-hls_list_size", "6", "-hls_flags", "program_date_time",
	}
	args = append(args, extra...)
	args = append(args, "-hls_segment_filename", target+"/seg%d.ts", target+"/live.m3u8")
	e.cmd = exec.Command("ffmpeg", args...)
	e.cmd.Stderr = e.stderr
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.done)
	}()
	t.Cleanup(e.end)
	return e
}

// frames are the decoded pictures, or the coded sound, of a stream in any
// container, as hashes.
func frames(t *testing.T, media []byte, stream string) []string {
	t.Helper()
	args := []string{"-nostdin", "-v", "error", "-i", "pipe:0", "-map", "0:" + stream}
	if stream[0] == 'a' {
		// Decoded sound depends on what came before.
		args = append(args, "-c", "copy", "-bsf:a", "aac_adtstoasc")
	}
	cmd := exec.Command("ffmpeg", append(args, "-fps_mode", "passthrough", "-f", "framemd5", "-")...)
	cmd.Stdin = bytes.NewReader(media)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	var list []string
	for _, line := range strings.Split(string(out), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		// Side data may follow the hash.
		if fields := strings.Split(line, ","); len(fields) > 5 {
			list = append(list, strings.TrimSpace(fields[5]))
		}
	}
	return list
}

// packets are the payloads of a transport stream's packets of one kind, as
// hashes, by ffprobe.
func packets(t *testing.T, ts []byte, stream string) []string {
	t.Helper()
	cmd := exec.Command("ffprobe", "-v", "error", "-f", "mpegts", "-select_streams", stream,
		"-show_packets", "-show_data_hash", "md5", "-show_entries", "packet=data_hash", "-of", "csv=p=0", "-i", "pipe:0")
	cmd.Stdin = bytes.NewReader(ts)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, stderr.String())
	}
	var list []string
	for _, line := range strings.Split(string(out), "\n") {
		// Side data stands on the same line, and again on lines of its own.
		if _, hash, ok := strings.Cut(line, "MD5:"); ok {
			hash, _, _ = strings.Cut(hash, ",")
			list = append(list, hash)
		}
	}
	return list
}
