package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/media"
)

// inputs is an origin that notes what encoders send.
type inputs struct {
	mu      sync.Mutex
	uploads []upload
	// answer is the status of all answers, 0 for 201; hang lets them never come.
	answer int
	hang   bool
}

type upload struct {
	at         time.Time
	path, auth string
	body       []byte
}

func (i *inputs) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	hang := i.hang
	answer := i.answer
	i.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.uploads = append(i.uploads, upload{time.Now(), r.URL.Path, r.Header.Get("Authorization"), body})
	if answer == 0 {
		answer = http.StatusCreated
	}
	return &http.Response{StatusCode: answer, Status: fmt.Sprint(answer, " ", http.StatusText(answer)), Body: io.NopCloser(strings.NewReader("the reason\n")), Request: r}, nil
}

func (i *inputs) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// take returns what was sent since the last call, without the playlists.
func (i *inputs) take() (segments []upload, playlist string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, u := range i.uploads {
		if strings.HasSuffix(u.path, ".m3u8") {
			playlist = string(u.body)
		} else {
			segments = append(segments, u)
		}
	}
	i.uploads = nil
	return segments, playlist
}

func start(t *testing.T, name string, late time.Duration) (*Encoder, *inputs) {
	t.Helper()
	origin := &inputs{}
	e, err := NewEncoder(Options{Name: name, Target: "http://origin/in/" + name, Token: "secret", Lateness: late, Transport: origin})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		e.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return e, origin
}

func do(t *testing.T, e *Encoder, a Action) {
	t.Helper()
	if err := e.Do(a); err != nil {
		t.Fatal(err)
	}
}

// A segment comes when its media is over, under a name and with a date that both
// encoders give it.
func TestTwoEncodersAreALockedPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(700 * time.Millisecond) // in the middle of a segment
		a, toA := start(t, "a", 0)
		time.Sleep(5 * time.Second)
		_, toB := start(t, "b", 150*time.Millisecond)
		time.Sleep(6*time.Second + 900*time.Millisecond)
		segmentsA, playlistA := toA.take()
		segmentsB, playlistB := toB.take()
		if len(segmentsA) != 5 || len(segmentsB) != 3 {
			t.Fatalf("%d and %d segments", len(segmentsA), len(segmentsB))
		}
		for i, s := range segmentsB {
			other := segmentsA[len(segmentsA)-3+i]
			if strings.TrimPrefix(s.path, "/in/b/") != strings.TrimPrefix(other.path, "/in/a/") || !bytes.Equal(s.body, other.body) {
				t.Errorf("%s is another one than %s", s.path, other.path)
			}
			if late := s.at.Sub(other.at); late != 150*time.Millisecond {
				t.Errorf("b is %s behind a", late)
			}
			if s.auth != "Bearer secret" {
				t.Errorf("authorization %q", s.auth)
			}
			var n int64
			if _, err := fmt.Sscanf(s.path, "/in/b/seg%d.ts", &n); err != nil || !other.at.Equal(startOf(n+1)) {
				t.Errorf("%s was sent at %s, but ends at %s", other.path, other.at, startOf(n+1))
			}
			if start := probe(t, s.body).Start; start != n*segmentTicks%(timestampMask+1) {
				t.Errorf("%s begins at %d", s.path, start)
			}
		}
		if s := a.State(); s.State != "running" || s.Sent != 5 || s.Error != "" || !s.LastSent.Equal(segmentsA[4].at) {
			t.Errorf("state %+v", s)
		}
		checkPlaylist(t, playlistA, 5)
		checkPlaylist(t, playlistB, 3)
	})
}

// checkPlaylist checks a playlist that ends with the segment that ended last.
func checkPlaylist(t *testing.T, text string, segments int) {
	t.Helper()
	parsed, err := hls.Parse([]byte(text), hls.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	p := parsed.Media
	if len(p.Segments) != segments {
		t.Fatalf("%d segments are listed, want %d: %s", len(p.Segments), segments, text)
	}
	for i, s := range p.Segments {
		n := int64(p.MediaSequence) + int64(i)
		if s.URI != segmentName(n) || s.Duration != SegmentDuration || !s.ProgramDateTime.Equal(startOf(n)) {
			t.Errorf("segment %d is listed as %+v", n, s)
		}
	}
}

func TestPlaylistsAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, origin := start(t, "a", 0)
		time.Sleep(40*time.Second + time.Millisecond)
		_, playlist := origin.take()
		checkPlaylist(t, playlist, listed)
	})
}

func TestKillAndRevive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		time.Sleep(10*time.Second + time.Millisecond)
		origin.take()
		origin.set(func() { origin.hang = true })
		time.Sleep(2 * time.Second) // an upload is running
		do(t, e, Kill)
		synctest.Wait()
		origin.set(func() { origin.hang = false })
		time.Sleep(6 * time.Second)
		if segments, playlist := origin.take(); len(segments) > 0 || playlist != "" {
			t.Errorf("a killed encoder sends %d segments, playlist %q", len(segments), playlist)
		}
		if s := e.State(); s.State != "killed" || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		for _, a := range []Action{Kill, Stop, Drop, Corrupt} {
			if err := e.Do(a); !errors.Is(err, ErrState) {
				t.Errorf("%s of a killed encoder: %v", a, err)
			}
		}
		do(t, e, Revive)
		if err := e.Do(Revive); !errors.Is(err, ErrState) {
			t.Errorf("revive twice: %v", err)
		}
		// At once killed and revived again, it lives once.
		do(t, e, Kill)
		do(t, e, Revive)
		synctest.Wait()
		time.Sleep(5 * time.Second)
		segments, playlist := origin.take()
		if len(segments) != 1 && len(segments) != 2 {
			t.Errorf("%d segments in 5 s", len(segments))
		}
		// It knows nothing of its former life.
		checkPlaylist(t, playlist, len(segments))
		if s := e.State(); s.State != "running" || s.Error != "" {
			t.Errorf("state %+v", s)
		}
	})
}

// What was encoded while it was stopped comes late, and nothing is missing.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		time.Sleep(9*time.Second + 500*time.Millisecond)
		before, _ := origin.take()
		do(t, e, Stop) // until 12.5 s
		time.Sleep(2900 * time.Millisecond)
		if segments, _ := origin.take(); len(segments) > 0 || e.State().State != "stopped" {
			t.Errorf("%d segments, state %+v", len(segments), e.State())
		}
		time.Sleep(200 * time.Millisecond)
		late, _ := origin.take()
		if len(late) != 2 || e.State().State != "running" {
			t.Errorf("%d segments, state %+v", len(late), e.State())
		}
		time.Sleep(2 * time.Second)
		after, _ := origin.take()
		var state media.CounterState
		for _, s := range slices.Concat(before, late, after) {
			var deltas []media.CounterDelta
			if deltas, state = media.PlanCounters(state, []*media.Info{probe(t, s.body)}); deltas[0] != "" {
				t.Errorf("media is missing before %s", s.path)
			}
		}
	})
}

func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		time.Sleep(9 * time.Second)
		origin.take()
		do(t, e, Drop)
		if s := e.State(); s.Next != Drop {
			t.Errorf("state %+v", s)
		}
		time.Sleep(4 * time.Second)
		segments, playlist := origin.take()
		if len(segments) != 1 || e.State().Next != "" {
			t.Errorf("%d segments, state %+v", len(segments), e.State())
		}
		checkPlaylist(t, playlist, 5) // with the one that was dropped
	})
}

func TestCorrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		time.Sleep(9 * time.Second)
		origin.take()
		do(t, e, Corrupt)
		time.Sleep(4 * time.Second)
		segments, _ := origin.take()
		if len(segments) != 2 {
			t.Fatalf("%d segments", len(segments))
		}
		p := media.NewProber()
		_, _ = p.Write(segments[0].body)
		_, err := p.Finish()
		if fault, ok := errors.AsType[*media.Fault](err); !ok || fault.Reason != media.ReasonTruncated {
			t.Errorf("the corrupted segment: %v", err)
		}
		probe(t, segments[1].body)
	})
}

// Faults end after their segments by themselves, and the segments after them are as
// those of the other encoder.
func TestFaultsOfSegments(t *testing.T) {
	for fault, length := range map[Action]int{Hole: 1, Mute: 3, Freeze: 5} {
		synctest.Test(t, func(t *testing.T) {
			e, origin := start(t, "a", 0)
			_, other := start(t, "b", 0)
			time.Sleep(9 * time.Second)
			origin.take()
			other.take()
			do(t, e, fault)
			for left := length; left > 0; left-- {
				if s := e.State(); s.Next != fault || s.Left != left {
					t.Errorf("%s: state %+v, want %d segments left", fault, s, left)
				}
				time.Sleep(SegmentDuration)
			}
			time.Sleep(2 * SegmentDuration)
			if s := e.State(); s.Next != "" || s.Left != 0 {
				t.Errorf("%s: state %+v afterwards", fault, s)
			}
			segments, playlist := origin.take()
			good, samePlaylist := other.take()
			if len(segments) != length+2 || len(good) != len(segments) || playlist != samePlaylist {
				t.Fatalf("%s: %d and %d segments", fault, len(segments), len(good))
			}
			for i := range segments {
				if spoiled := !bytes.Equal(segments[i].body, good[i].body); spoiled != (i < length) {
					t.Errorf("%s: segment %d of them is spoiled: %t", fault, i, spoiled)
				}
			}
		})
	}
}

// A fault takes the place of another one, and begins anew if it is asked for again;
// with the encoder it ends.
func TestOneFaultAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, "a", 0)
		time.Sleep(9 * time.Second)
		for _, step := range []struct {
			action Action
			next   Action
			left   int
		}{{Freeze, Freeze, 4}, {Mute, Mute, 2}, {Mute, Mute, 2}, {Kill, "", 0}, {Revive, "", 0}} {
			do(t, e, step.action)
			time.Sleep(SegmentDuration)
			if s := e.State(); s.Next != step.next || s.Left != step.left {
				t.Errorf("state %+v after %s", s, step.action)
			}
		}
	})
}

func TestRefusalsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		origin.set(func() { origin.answer = http.StatusInsufficientStorage })
		time.Sleep(5 * time.Second)
		if s := e.State(); s.Sent != 0 || !strings.Contains(s.Error, "507 Insufficient Storage: the reason") {
			t.Errorf("state %+v", s)
		}
		origin.set(func() { origin.answer = 0 })
		time.Sleep(2 * time.Second)
		if s := e.State(); s.Sent != 1 || s.Error != "" {
			t.Errorf("state %+v", s)
		}
	})
}

// An origin that does not answer holds the encoder up, but not for ever, and what
// is too old then is not sent.
func TestAnOriginThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, origin := start(t, "a", 0)
		origin.set(func() { origin.hang = true })
		time.Sleep(2 * time.Minute)
		if s := e.State(); !strings.Contains(s.Error, "deadline exceeded") {
			t.Errorf("state %+v", s)
		}
		origin.set(func() { origin.hang = false })
		time.Sleep(time.Minute)
		segments, _ := origin.take()
		if len(segments) == 0 || len(segments) > 45 {
			t.Fatalf("%d segments after the outage", len(segments))
		}
	})
}

func TestUnknownAction(t *testing.T) {
	e, err := NewEncoder(Options{Name: "a", Target: "http://origin/in/a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Do("explode"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
