package failover

import (
	"testing"
	"time"
)

// The first playlist of an encoder may come long before its first media, which waited for an
// initialization section. Its multivariant playlist is waited for from the media on.
func TestTheMultivariantPlaylistIsAwaitedFromTheFirstMediaOn(t *testing.T) {
	w := begin(t)
	w.take(0, w.list("v"))
	w.take(3*time.Second, w.object("v"))
	w.take(3*time.Second+time.Millisecond, w.list("audio"))
	w.take(3*time.Second+20*time.Millisecond, w.object("audio"))
	w.take(3*time.Second+30*time.Millisecond, Multivariant{Input: "a", Renditions: []Announced{{Path: "v"}, {Path: "audio", Kind: Audio}}})
	w.take(6*time.Second, Tick{})
	if len(w.slots) != 1 || len(w.slots[0].Renditions) != 2 || w.slots[0].Renditions[1].Gap() {
		t.Errorf("%+v", w.slots)
	}
}

// A multivariant playlist without a variant names the sound alone. The picture, which comes a moment later,
// is in the first slot all the same.
func TestThePictureIsAwaitedWhereOnlySoundIsAnnounced(t *testing.T) {
	for _, late := range []time.Duration{time.Millisecond, 900 * time.Millisecond} {
		w := begin(t)
		w.take(0, Multivariant{Input: "a", Renditions: []Announced{{Path: "audio", Kind: Audio}}})
		w.take(2*time.Second, w.list("audio"))
		w.take(2*time.Second, w.object("audio"))
		w.take(2*time.Second+late, w.list("v"))
		w.take(2*time.Second+late, w.object("v"))
		w.take(6*time.Second, Tick{})
		if len(w.slots) != 1 || len(w.slots[0].Renditions) != 2 || w.slots[0].Renditions[0].Gap() || w.slots[0].Renditions[1].Gap() {
			t.Errorf("picture %v after the sound: %+v", late, w.slots)
		}
	}
}

// What an encoder announced before a restart of the process is not waited for if it comes back under other names.
// Its multivariant playlist, which may be about to come, is, for a moment.
func TestWhatAnEarlierEncoderAnnouncedIsNotAwaited(t *testing.T) {
	w := begin(t)
	w.take(0, Recalled{Multivariant{Input: "a", Renditions: []Announced{{Path: "old"}, {Path: "audio", Kind: Audio}}}})
	w.take(0, w.list("v"))
	w.take(0, w.object("v"))
	w.take(900*time.Millisecond, Tick{})
	if len(w.slots) != 0 {
		t.Errorf("it may yet announce something: %+v", w.slots)
	}
	w.take(time.Second, Tick{})
	if len(w.slots) != 1 || len(w.slots[0].Renditions) != 1 {
		t.Errorf("what it announced before it had other names is awaited, or listed: %+v", w.slots)
	}
}

// beginning is a channel whose input a delivers single segments by hand.
type beginning struct {
	channel *Channel
	slots   []Slot
}

func begin(t *testing.T) *beginning {
	c, err := New(Config{Inputs: []string{"a"}, Endpoints: []EndpointConfig{{Name: "hls", SegmentDuration: 2 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	return &beginning{channel: c}
}

func (w *beginning) take(at time.Duration, fact Fact) {
	for _, effect := range w.channel.Step(epoch.Add(at), fact) {
		if p, ok := effect.(Published); ok {
			w.slots = append(w.slots, p.Slot)
		}
	}
}

func (w *beginning) list(path string) Playlist {
	return Playlist{Input: "a", Path: path, TargetDuration: 2 * time.Second, Segments: []ListedSegment{{Path: path + "0", Duration: 2 * ClockRate}}}
}

func (w *beginning) object(path string) Object {
	return Object{Input: "a", Path: path + "0", ID: path + "0", Media: &Media{End: 2 * ClockRate, Frame: 3600, Video: path == "v", Signature: path}}
}
