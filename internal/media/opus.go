package media

// Opus in a transport stream: each access unit begins with a control header, which says how long it
// is ("Opus in MPEG-2 TS", as ffmpeg and GStreamer write it).

// opusHeader is the longest header that is looked at, up to the bytes that tell the duration.
const opusHeader = 32

// feedOpus takes payload of a track of Opus, whose headers differ in length.
func (f *frames) feedOpus(b []byte) {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		f.part = append(f.part, b[0])
		b = b[1:]
		h, complete, ok := parseOpus(f.part)
		switch {
		case !ok:
			f.lost()
			f.part = f.part[:0]
		case complete:
			f.accept(h)
			f.skip = h.size - len(f.part)
			f.part = f.part[:0]
		}
	}
}

// parseOpus reads a control header and the first bytes of the packet after it. It is not
// complete as long as bytes are missing. What is trimmed at the beginning and the end of a
// stream is no matter here: timestamps don't count it.
func parseOpus(b []byte) (h frame, complete, ok bool) {
	const startTrim, endTrim, extension = 0x10, 0x08, 0x04
	if b[0] != 0x7f || len(b) > 1 && b[1]&0xe0 != 0xe0 || len(b) > opusHeader {
		return frame{}, false, false
	}
	if len(b) < 3 {
		return frame{}, false, true
	}
	flags, size, at := b[1], 0, 2
	for at < len(b) && b[at] == 0xff {
		size += 0xff
		at++
	}
	if at == len(b) {
		return frame{}, false, true
	}
	size += int(b[at])
	at++
	for _, flag := range [...]byte{startTrim, endTrim} {
		if flags&flag != 0 {
			at += 2
		}
	}
	if flags&extension != 0 {
		if at >= len(b) {
			return frame{}, false, true
		}
		at += 1 + int(b[at])
	}
	if at >= len(b) {
		return frame{}, false, size > 0
	}
	samples, complete, ok := opusSamples(b[at:], size)
	return frame{size: at + size, samples: samples, sampleRate: opusRate}, complete, ok
}

const opusRate = 48000

// opusSamples is the duration of a packet of size bytes (RFC 6716, 3.1 and 3.2).
func opusSamples(b []byte, size int) (samples int, complete, ok bool) {
	toc, count := b[0], 2
	switch toc & 3 {
	case 0:
		count = 1
	case 3:
		if len(b) < 2 {
			return 0, false, size > 1
		}
		count = int(b[1] & 0x3f)
	}
	samples = count * opusFrame(toc>>3)
	const longest = opusRate * 120 / 1000
	return samples, true, size > 0 && samples > 0 && samples <= longest
}

// opusFrame is the samples of one frame by its configuration (RFC 6716, table 2).
func opusFrame(config byte) int {
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	}
	return 120 << (config & 3) // CELT: 2.5, 5, 10, 20 ms
}

// opusChannels of a channel_config_code.
func opusChannels(code byte) int {
	switch {
	case code == 0: // two that are independent
		return 2
	case code <= 8:
		return int(code)
	}
	return 0
}
