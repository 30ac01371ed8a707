package channel

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A time delay that is changed while the channel runs takes nothing back: what was
// listed stays listed until it slides out, and every slot comes once.
func TestADelayThatChangesTakesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgramme(t, []string{"a", "b"}, liveEndpoint(func(*EndpointConfig) {}))
		for _, input := range []string{"a", "b"} {
			p.start(input, "", &pusher{})
		}
		delay := func(d time.Duration) {
			config := p.c.config
			config.Endpoints = []EndpointConfig{liveEndpoint(func(e *EndpointConfig) { e.TimeDelay = d })}
			if err := p.c.Configure(config); err != nil {
				t.Fatal(err)
			}
		}
		newest := func() (msn uint64, ended time.Duration) {
			slots := p.c.View("hls").Slots()
			last := slots[len(slots)-1]
			return last.MSN, time.Since(last.End.Time())
		}
		p.run(5)
		before := p.fetch("hls", "13a286fd432fa12f.m3u8")
		first, _ := newest()
		delay(10 * time.Second)
		if after := p.fetch("hls", "13a286fd432fa12f.m3u8"); after != before {
			t.Errorf("the playlist has changed from\n%s\nto\n%s", before, after)
		}
		p.run(4)
		if msn, _ := newest(); msn != first {
			t.Errorf("slot %d came before its time", msn)
		}
		p.run(6)
		msn, ended := newest()
		if msn <= first || ended < 10*time.Second || ended > 12*time.Second {
			t.Errorf("slot %d is listed %v after its end", msn, ended)
		}
		delay(0)
		synctest.Wait()
		if _, ended := newest(); ended > 2*time.Second {
			t.Errorf("without a delay, the newest slot ended %v ago", ended)
		}
		p.run(2)
		slots := p.c.View("hls").Slots()
		for i, s := range slots[1:] {
			if s.MSN != slots[i].MSN+1 || s.Start != slots[i].End || s.Discontinuity {
				t.Errorf("slot %d at %v follows %d, which ends at %v", s.MSN, s.Start, slots[i].MSN, slots[i].End)
			}
		}
		if strings.Contains(p.fetch("hls", "13a286fd432fa12f.m3u8"), "GAP") {
			t.Error("there are gaps")
		}
	})
}
