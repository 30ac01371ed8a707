package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// material says what to encode. The lengths are whole numbers of video and of
// AAC frames, so that a loop of segments has no seam.
type material struct {
	size     string
	video    string // bits per second
	audio    string
	segment  time.Duration
	keyEvery int // frames at 25/s
}

var (
	// largeMaterial has segments of about 2 MiB: 1.92 s at 8.6 Mbit/s.
	largeMaterial = material{"1280x720", "8200k", "128k", 1920 * time.Millisecond, 48}
	// smallMaterial has segments of about 64 KiB: 0.96 s at 540 kbit/s.
	smallMaterial = material{"320x180", "420k", "64k", 960 * time.Millisecond, 24}
	// slowMaterial has as many bytes in twice the time: what many channels send.
	slowMaterial = material{"320x180", "200k", "32k", 1920 * time.Millisecond, 48}
	// soakMaterial is as small as can be: many channels for a long time.
	soakMaterial = material{"160x90", "60k", "32k", 1920 * time.Millisecond, 48}
)

// loopSegments is how many segments are encoded and then repeated for ever.
const loopSegments = 4

// encode makes the segments with ffmpeg.
func encode(ctx context.Context, dir string, m material) (*programme, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	// The first segment begins with the encoder's delay and is not used; one more
	// at the end keeps the last one from being cut short.
	seconds := m.segment.Seconds() * (loopSegments + 2)
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-y",
		// Noise keeps the encoder from undercutting the bit rate.
		"-f", "lavfi", "-i", "testsrc2=size="+m.size+":rate=25,noise=alls=30:allf=t",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", strconv.FormatFloat(seconds, 'f', 2, 64),
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2",
		"-b:v", m.video, "-minrate", m.video, "-maxrate", m.video, "-bufsize", m.video,
		"-g", strconv.Itoa(m.keyEvery), "-keyint_min", strconv.Itoa(m.keyEvery), "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", m.audio,
		"-f", "hls", "-hls_time", strconv.FormatFloat(m.segment.Seconds(), 'f', 2, 64), "-hls_list_size", "0",
		"-hls_segment_filename", "seg%d.ts", "live.m3u8")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w\n%s", err, out)
	}
	p := &programme{length: m.segment}
	for i := 1; i <= loopSegments; i++ {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("seg%d.ts", i)))
		if err != nil {
			return nil, err
		}
		if err := p.add(data); err != nil {
			return nil, fmt.Errorf("segment %d: %w", i, err)
		}
	}
	return p, nil
}
