package channel

import (
	"testing"
	"time"
)

// How long an input's segments are is said by the playlists that still come.
func TestTheSegmentLengthIsThatOfLivePlaylists(t *testing.T) {
	now := time.Now()
	all := listings{lists: map[string]*listing{
		"old.m3u8":   {fresh: now.Add(-21 * time.Second), length: 2 * time.Second},
		"video.m3u8": {fresh: now.Add(-10 * time.Second), length: 10 * time.Second},
		"text.m3u8":  {fresh: now.Add(-50 * time.Second), length: time.Minute},
		"empty.m3u8": {length: time.Second}, // lists nothing
	}}
	expect := func(step string, want time.Duration) {
		t.Helper()
		if got := all.segmentLength(); got != want {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
	}
	expect("as long as no other one comes", 2*time.Second)
	if all.silent()(all.lists["old.m3u8"]) {
		t.Error("it is silent before ten segments are over")
	}
	all.lists["video.m3u8"].fresh = now
	expect("it has stopped", 10*time.Second)
	all.lists["old.m3u8"].fresh = now.Add(time.Second)
	expect("it is back", 2*time.Second)
	all.lists["old.m3u8"].fresh = now.Add(-101 * time.Second)
	if !all.silent()(all.lists["old.m3u8"]) || all.silent()(all.lists["text.m3u8"]) || all.silent()(all.lists["video.m3u8"]) {
		t.Error("who is silent")
	}
	all = listings{lists: map[string]*listing{"live.m3u8": {fresh: now.Add(-time.Hour), length: 4 * time.Second}}}
	expect("all of them have stopped", 4*time.Second)
}
