package e2e

import (
	"fmt"
	"testing"
	"time"
)

// singleOutput pushes one video variant with its sound, and nothing that names it.
func singleOutput(target, video, playlist string) []string {
	return []string{
		"-map", video, "-map", "0:a:0", "-c", "copy", "-f", "hls", "-method", "PUT",
		"-hls_time", fmt.Sprint(segmentSeconds), "-hls_list_size", "6",
		"-hls_segment_filename", target + "/" + playlist + "-%d.ts", target + "/" + playlist + ".m3u8",
	}
}

// goesOn waits until the player has shown some seconds more, for half a minute.
func goesOn(t *testing.T, p *player, what string) {
	t.Helper()
	before := p.ask("{}").Pictures
	for range 300 {
		if p.ask("{}").Pictures > before+100 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: the picture does not move: %+v", what, p.ask("{}"))
}

// TestPlayersGoOnWithARenamedEncoder: both encoders stop and come back under other
// playlist names. hls.js has the URL of the old one, and plays on.
func TestPlayersGoOnWithARenamedEncoder(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, oneEndpoint)
	start := func(playlist string) (list []*encoder) {
		for _, input := range []string{"a", "b"} {
			target := o.url("/in/sports/" + input)
			list = append(list, source.startEncoder(target, singleOutput(target, "0:v:0", playlist)...))
		}
		return list
	}
	encoders := start("live")
	fast := watch(t, o, "/fast/sports")
	fast.wait(4)
	browser := startPlayer(t, viewing{player: hlsJS, stream: o.url("/fast/sports/index.m3u8"), position: -1, persist: true})
	for _, e := range encoders {
		e.kill()
	}
	time.Sleep(2 * time.Second)
	start("live2")
	fast.wait(4)
	goesOn(t, browser, "after the renaming")
	browser.report()
	if len(fast.renditions) != 1 {
		t.Errorf("viewers have %d renditions, not the one that they had", len(fast.renditions))
	}
	fast.finish()
}

// TestPlayersGoOnWithoutTheFirstVariant: the first variant of the ladder dies at both
// inputs. hls.js goes on with the other one.
func TestPlayersGoOnWithoutTheFirstVariant(t *testing.T) {
	t.Parallel()
	source := startContribution(t)
	o := startOrigin(t, oneEndpoint)
	at := source.nextBegin()
	var first []*encoder
	for _, input := range []string{"a", "b"} {
		target := o.url("/in/sports/" + input)
		first = append(first, source.startEncoderAt(at, target, singleOutput(target, "0:v:0", "one")...))
		source.startEncoderAt(at, target, singleOutput(target, "0:v:1", "two")...)
	}
	// No viewer of its own: once the variant is forgotten, its playlist is no more.
	time.Sleep(15 * time.Second)
	browser := startPlayer(t, viewing{player: hlsJS, stream: o.url("/fast/sports/index.m3u8"), position: -1, persist: true})
	for _, e := range first {
		e.kill()
	}
	time.Sleep(20 * time.Second)
	goesOn(t, browser, "after the first variant has died")
	browser.report()
}

// TestPlayersGoOnAfterARestartThatForgets: the origin is killed and comes back with an
// empty store in memory. The encoder sends its initialization section once and never
// again, and hls.js, told that a network error is not the end, plays on.
func TestPlayersGoOnAfterARestartThatForgets(t *testing.T) {
	t.Parallel()
	files := fragments(t, "60")
	o := startOrigin(t, oneEndpoint)
	mustUpload(t, o, "/in/sports/a/init.mp4", files["init.mp4"])
	n := 0
	send := func(count int) {
		for range count {
			deliver(t, o, files, n, "init.mp4")
			n++
			time.Sleep(segmentTime)
		}
	}
	send(5)
	browser := startPlayer(t, viewing{player: hlsJS, stream: o.url("/fast/sports/index.m3u8"), position: -1, persist: true})
	send(2)
	o.killAndRestart(0)
	before := browser.ask("{}").Pictures
	send(12)
	if after := browser.ask("{}").Pictures; after < before+100 {
		t.Errorf("%d pictures after the restart: %+v", after-before, browser.ask("{}"))
	}
	browser.close()
}
