package channel

import (
	"testing"
	"testing/synctest"
	"time"
)

// What is evicted is gone from the store and from the journal as well.
func TestWhatIsEvictedIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgramme(t, []string{"a"}, liveEndpoint(func(e *EndpointConfig) { e.StartoverWindow = time.Hour }))
		p.start("a", "", &pusher{})
		p.run(60)
		before, ok := p.c.Spare()
		if oldest := p.c.View("hls").Slots()[0]; !ok || !before.Equal(oldest.End.Time()) {
			t.Fatalf("spare: %v, %v", before, ok)
		}
		objects := len(p.c.objects.byKey)
		evictions := 0
		for p.c.Evict() {
			evictions++
		}
		if _, ok := p.c.Spare(); ok || evictions < 5 {
			t.Errorf("%d evictions, and there is still something to spare: %v", evictions, ok)
		}
		left := len(p.c.View("hls").Slots())
		if n := objects - len(p.c.objects.byKey); n != 60-left {
			t.Errorf("%d objects were released with %d slots", n, 60-left)
		}
		e := p.c.endpoints["hls"]
		count := 0
		err := e.journal.records.Read(t.Context(), e.first-1, func(uint64, []byte) error { count++; return nil })
		if err != nil || count != left {
			t.Errorf("%d records of %d slots, %v", count, left, err)
		}
	})
}

// A startover window that the operator makes shorter is given back bit by bit, as others need the channel
// meanwhile, and without another slot to go on with.
func TestAShorterStartoverWindowIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := func(window time.Duration) EndpointConfig {
			return liveEndpoint(func(e *EndpointConfig) { e.StartoverWindow = window })
		}
		p := newProgramme(t, []string{"a"}, endpoint(time.Hour))
		p.start("a", "", &pusher{})
		const slots = 10 * expiredAtOnce
		p.run(slots)
		if n := len(p.c.View("hls").Slots()); n != slots {
			t.Fatalf("%d of %d slots are kept", n, slots)
		}
		config := p.c.config
		config.Endpoints = []EndpointConfig{endpoint(0)}
		if err := p.c.Configure(config); err != nil {
			t.Fatal(err)
		}
		// Who has a playlist of the longer window may still use it for as long as that takes.
		for before := slots; ; {
			p.run(1)
			now := len(p.c.View("hls").Slots())
			if now > before {
				before = now
				continue
			}
			if objects := len(p.c.objects.byKey); now > 20 || objects > now {
				t.Errorf("%d slots and %d objects are left of %d when it has begun to go", now, objects, slots)
			}
			return
		}
	})
}
