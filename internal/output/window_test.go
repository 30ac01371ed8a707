package output

import (
	"testing"
	"testing/synctest"
	"time"
)

// A live playlist lists at least three target durations (RFC 8216 6.2.2), whatever
// playlist_window says.
func TestLivePlaylistListsThreeTargetDurations(t *testing.T) {
	l := newTimeline(t, 0, "v.m3u8")
	l.w.config.PlaylistWindow = 3 * time.Second
	for range 20 {
		l.publish(testMaterial{seconds: 1})
	}
	if listed := l.view().Listed(); len(listed) != 6 {
		t.Errorf("%d s are listed, and three target durations are 6 s", len(listed))
	}
}

// A segment stays for its own length and that of the longest playlist that listed it (RFC
// 8216 6.2.2), also if the playlist is made shorter in the meantime.
func TestAShorterPlaylistKeepsWhatWasListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, startover := range map[string]time.Duration{"live only": 0, "with startover": time.Minute} {
			l := newTimeline(t, startover, "v.m3u8")
			l.w.config.PlaylistWindow = 10 * time.Minute
			publish := func(n int) {
				for range n {
					time.Sleep(slotSeconds * time.Second)
					l.publish(testMaterial{})
				}
			}
			publish(400)
			listed := l.view().Listed()
			names := []string{}
			for _, s := range listed {
				names = append(names, l.view().URI(s, &s.Renditions[0]))
			}
			config := l.w.config
			config.PlaylistWindow = playlistWindow
			l.w.Configure(config)
			begin := time.Now()
			for time.Since(begin) < 10*time.Minute {
				publish(1)
				if _, spare := l.w.Spare(time.Now()); spare && l.w.slots[0] == listed[0] {
					t.Fatalf("%s: what was listed is spare after %v", name, time.Since(begin))
				}
				if l.view().Segment(names[0]) == nil {
					t.Fatalf("%s: the first segment is gone after %v", name, time.Since(begin))
				}
			}
			newest := names[len(names)-1]
			for l.view().Segment(newest) != nil && time.Since(begin) < time.Hour {
				publish(1)
			}
			// It is the last to leave the shorter playlist.
			if after := time.Since(begin); after < 10*time.Minute || after > 12*time.Minute {
				t.Errorf("%s: the newest one of then is gone after %v", name, after)
			}
			publish(60)
			if kept := len(l.w.slots); kept > 70 {
				t.Errorf("%s: %d slots are kept in the end", name, kept)
			}
			if len(l.w.extents) > 2 {
				t.Errorf("%s: %d extents", name, len(l.w.extents))
			}
		}
	})
}

// A startover playlist that was served a moment ago can be played to its end, also if the
// startover window has been made shorter, or given up, in the meantime.
func TestAShorterStartoverWindowKeepsWhatWasListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, shorter := range []time.Duration{0, time.Minute} {
			l := newTimeline(t, 10*time.Minute, "v.m3u8")
			publish := func(n int) {
				for range n {
					time.Sleep(slotSeconds * time.Second)
					l.publish(testMaterial{})
				}
			}
			publish(300)
			_, _, m := l.parsed(t, "start="+seconds(0)+"&end="+seconds(10))
			config := l.w.config
			config.StartoverWindow = shorter
			l.w.Configure(config)
			begin := time.Now()
			for time.Since(begin) < l.w.availability()-slotSeconds*time.Second {
				publish(1)
				if l.view().Segment(m.Segments[0].URI) == nil {
					t.Fatalf("window of %v: a segment is gone after %v", shorter, time.Since(begin))
				}
			}
			publish(20)
			if kept := len(l.w.slots); kept > 60 {
				t.Errorf("window of %v: %d slots are kept", shorter, kept)
			}
		}
	})
}

// EXT-X-MEDIA-SEQUENCE never falls (RFC 8216 6.2.2): what has left a live playlist does not come back when
// playlist_window is made longer, whether by a reload or between two processes.
func TestALongerPlaylistListsNothingAgain(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		l := newTimeline(t, time.Hour, "v.m3u8")
		for range 20 {
			l.publish(testMaterial{})
		}
		head := l.view().Listed()[0].MSN
		config := l.w.config
		config.PlaylistWindow = 2 * playlistWindow
		if restarted {
			again := New(config, nil, func(err error) { t.Error(err) })
			again.SetEpoch("epoch")
			for _, s := range l.w.Slots() {
				again.Add(s)
			}
			render(again, nil)
			l.w = again
		}
		l.w.Configure(config)
		for n := range 20 {
			if now := l.view().Listed()[0].MSN; now < head {
				t.Fatalf("restarted %t: the playlist begins with %d, and began with %d", restarted, now, head)
			} else {
				head = now
			}
			if listed := len(l.view().Listed()); n > 8 && listed != int(2*playlistWindow.Seconds()/slotSeconds) {
				t.Errorf("restarted %t: %d slots are listed in the end", restarted, listed)
			}
			l.publish(testMaterial{})
		}
	}
}

// render shows what there is in the window.
func render(w *Window, announced []Announcement) {
	w.Render(announced)
	w.Show(w.Latest())
}

// What is shown first and rendered last is up to the disk: viewers never go back to an earlier view, nor
// to one from before slots were given up, and get none of a window that is closed.
func TestAnEarlierViewIsNotShownAgain(t *testing.T) {
	l := newTimeline(t, time.Hour, "v.m3u8")
	l.publish(testMaterial{})
	first := l.w.Latest()
	for range 20 {
		l.publish(testMaterial{})
	}
	second := l.w.Latest()
	l.w.Show(first)
	if l.view() != second {
		t.Error("an earlier view took the place of the one that viewers have")
	}
	gone := l.w.Forget(5)
	if l.view() != second {
		t.Error("viewers can't fetch what they have a playlist of")
	}
	l.w.Show(l.w.Latest())
	l.w.Show(second)
	if at := l.view().slots[0].MSN; at != gone[4].MSN+1 || len(l.view().slots) != 16 {
		t.Errorf("viewers can fetch %d slots from %d again", len(l.view().slots), at)
	}
	l.w.Forget(16)
	l.w.Show(l.w.Latest())
	if listed := l.view().Listed(); len(listed) > 0 {
		t.Errorf("%d slots of none are listed", len(listed))
	}
	l.w.Close()
	l.w.Show(second)
	if l.view() != nil {
		t.Error("a closed window shows a view")
	}
}
