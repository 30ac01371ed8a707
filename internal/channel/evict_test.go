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
