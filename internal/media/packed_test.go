package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// id3 makes a tag with the given frames.
func id3(version byte, frames ...[]byte) []byte {
	body := join(frames...)
	n := len(body)
	return join([]byte{'I', 'D', '3', version, 0, 0, byte(n >> 21 & 0x7f), byte(n >> 14 & 0x7f), byte(n >> 7 & 0x7f), byte(n & 0x7f)}, body)
}

func id3Frame(name string, body []byte) []byte {
	return join([]byte(name), u32(uint32(len(body))), []byte{0, 0}, body)
}

func id3Time(time uint64) []byte {
	return id3(4, id3Frame("PRIV", join([]byte(timestampOwner), u64(time))))
}

var packedRecipes = map[string]string{
	"aac":   in(sine48) + "-c:a aac -t 3 -f adts",
	"aac44": in("sine=frequency=440:sample_rate=44100") + "-c:a aac -ac 2 -t 3 -f adts",
	"mp3":   in(sine48) + "-c:a libmp3lame -b:a 128k -t 3 -write_xing 0 -id3v2_version 0 -f mp3",
	"ac3":   in(sine48) + "-c:a ac3 -ac 6 -b:a 192k -t 3 -f ac3",
	"eac3":  in(sine48) + "-c:a eac3 -b:a 192k -t 3 -f eac3",
}

func packedAudio(t testing.TB, name string) []byte {
	t.Helper()
	needFFmpeg(t)
	file := filepath.Join(t.TempDir(), name)
	args := append([]string{"-hide_banner", "-v", "error", "-nostdin"}, strings.Fields(packedRecipes[name])...)
	if out, err := exec.Command("ffmpeg", append(args, file)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return readFile(t, file)
}

// Packed audio has as many frames as ffprobe finds, and lasts as long.
func TestPackedAudioAgreesWithFFprobe(t *testing.T) {
	for name := range packedRecipes {
		t.Run(name, func(t *testing.T) {
			b := packedAudio(t, name)
			want := ffprobe(t, temporary(t, name, b))
			for _, start := range []int64{0, 900000, 1<<33 - 90000} {
				info := probe(t, join(id3Time(uint64(start)), b))
				holds(t, info)
				a := info.Tracks[0]
				if info.Format != FormatPackedAudio || info.Start != start || info.Modulus != 1<<33 || a.Samples != len(want.Packets) {
					t.Errorf("%+v, ffprobe finds %d packets", info, len(want.Packets))
				}
				s := want.Streams[0]
				if fmt.Sprint(a.SampleRate) != s.SampleRate || a.Channels != s.Channels || a.Codec != codecString(s.CodecName, s.Profile, 0) {
					t.Errorf("%d Hz, %d channels, %s; ffprobe says %+v", a.SampleRate, a.Channels, a.Codec, s)
				}
				samples := map[string]int64{"aac": 1024, "aac44": 1024, "mp3": 1152, "ac3": 1536, "eac3": 1536}[name] * int64(a.Samples)
				if got, want := info.End-info.Start, inTicks(samples, uint32(a.SampleRate)); got != want || a.End != info.End {
					t.Errorf("lasts %d ticks, want %d", got, want)
				}
			}
		})
	}
}

// The pieces of packed audio play as one, and their ID3 tags are not inside.
func TestPackedAudioIsJoined(t *testing.T) {
	frames := adts(6, 150)
	first, second := join(id3Time(1000), frames[:450]), join(id3Time(6760), frames[450:])
	joined := join(kept(first, probe(t, first).JoinRanges(0, 2)), kept(second, probe(t, second).JoinRanges(1, 2)))
	if !bytes.Equal(joined, join(id3Time(1000), frames)) {
		t.Errorf("%d bytes", len(joined))
	}
	if a, b := probe(t, first), probe(t, second); a.End != b.Start || a.Signature() != b.Signature() {
		t.Errorf("%+v\n%+v", a, b)
	}
	// Metadata that comes with the timestamp stays.
	tagged := join(id3(3, id3Frame("PRIV", join([]byte(timestampOwner), u64(7))), id3Frame("TIT2", []byte("\x00song"))), frames)
	if got := kept(tagged, probe(t, tagged).JoinRanges(1, 2)); len(got) != len(tagged) {
		t.Errorf("%d of %d bytes", len(got), len(tagged))
	}
}

func TestPackedAudioThatIsOdd(t *testing.T) {
	large := id3(4, id3Frame("PRIV", join([]byte(timestampOwner), u64(5))), []byte("APIC\x00\x03\x00\x00\x00\x00"), make([]byte, 3<<14))
	unsync := id3(3, bytes.ReplaceAll(id3Frame("PRIV", join([]byte(timestampOwner), u64(0xfffe0000))), []byte{0xff}, []byte{0xff, 0}))
	unsync[5] = 0x80
	for name, c := range map[string]struct {
		b       []byte
		start   int64
		samples int
	}{
		"metadata between frames":  {join(id3Time(5), adts(2, 150), id3(4, id3Frame("TXXX", []byte("x"))), adts(1, 150)), 5, 3},
		"two tags":                 {join(id3(4, id3Frame("TXXX", []byte("x"))), id3Time(5), adts(3, 150)), 5, 3},
		"large tag":                {join(large, adts(3, 150)), 5, 3},
		"more than 33 bits":        {join(id3Time(1<<40+5), adts(3, 150)), 5, 3},
		"unsynchronised tag":       {join(unsync, adts(3, 150)), 0xfffe0000, 3},
		"zero before the owner":    {join(id3(4, id3Frame("PRIV", join([]byte("\x00"+timestampOwner), u64(5)))), adts(3, 150)), 5, 3},
		"encoding before it":       {join(id3(3, id3Frame("PRIV", join([]byte("\x03"+timestampOwner), u64(5)))), adts(3, 150)), 5, 3},
		"ID3v1 at the end":         {join(id3Time(5), adts(3, 150), []byte("TAG"), make([]byte, 125)), 5, 3},
		"ID3 in a frame is no tag": {join(id3Time(5), adts(1, 150), adts(1, 150)[:100], []byte("ID3\x04"), make([]byte, 46), adts(1, 150)), 5, 3},
		"another channel layout":   {join(id3Time(5), adts(1, 150), bytes.Replace(adts(1, 150), []byte{0x4c, 0x80}, []byte{0x4c, 0x40}, 1), adts(1, 150)), 5, 3},
	} {
		info := probe(t, c.b)
		holds(t, info)
		if info.Start != c.start || info.Tracks[0].Samples != c.samples || info.End != c.start+1920*int64(c.samples) {
			t.Errorf("%s: %+v", name, info)
		}
	}
}

func TestBrokenPackedAudioIsRefused(t *testing.T) {
	sound := join(id3Time(5), adts(3, 150))
	encrypted := id3(4, id3Frame("PRIV", join([]byte(timestampOwner), u64(5))), id3Frame("PRIV", []byte(encryptionOwner+"zaac")))
	for name, c := range map[string]struct {
		b      []byte
		reason Reason
		detail string
	}{
		"no tag":            {adts(3, 150), ReasonNoTimestamps, "com.apple.streaming.transportStreamTimestamp"},
		"other tag":         {join(id3(4, id3Frame("TXXX", []byte("x"))), adts(3, 150)), ReasonNoTimestamps, "no ID3 tag"},
		"tag only":          {id3Time(5), ReasonNoMedia, "no audio frame"},
		"tag cut":           {sound[:20], ReasonTruncated, "inside the ID3 tag at byte 0"},
		"frame cut":         {sound[:len(sound)-1], ReasonTruncated, "inside the frame at byte"},
		"frame header cut":  {sound[:len(sound)-147], ReasonTruncated, "inside the frame"},
		"bytes lost":        {join(sound[:200], sound[201:]), ReasonDamaged, "no audio frame at byte"},
		"garbage after":     {join(sound, make([]byte, 20)), ReasonDamaged, "no audio frame at byte"},
		"garbage after tag": {join(id3Time(5), make([]byte, 20)), ReasonGarbage, "no audio frame at byte"},
		"broken tag":        {join([]byte("ID3\x04\x00\x00\xff\xff\xff\xff"), adts(3, 150)), ReasonDamaged, "ID3 tag at byte 0"},
		"sample encryption": {join(encrypted, adts(3, 150)), ReasonEncrypted, "announced by the ID3 tag"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.b, c.reason, c.detail) })
	}
	for cut := range sound {
		if info, err := tryProbe(sound[:cut]); err == nil && (cut-len(id3Time(5)))%150 != 0 {
			t.Errorf("cut at %d is accepted: %+v", cut, info)
		}
	}
	if binary.BigEndian.Uint16(sound[len(id3Time(5)):]) != 0xfff1 {
		t.Error("material is not what it should be")
	}
}
