package output

import (
	"context"
	"errors"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// stuckViewer reads nothing until it is released.
type stuckViewer struct {
	asked   chan int
	release chan struct{}
}

func (v stuckViewer) Write(b []byte) (int, error) {
	v.asked <- len(b)
	<-v.release
	return 0, errors.New("gone")
}

// Viewers of segments whose continuity counters are changed on the way, and who don't read them, hold
// little, however many they are; and nothing when they have gone.
func TestViewersWhoDoNotReadHoldLittle(t *testing.T) {
	st := memory.Open(0)
	defer st.Close()
	w, err := st.Create(context.Background(), "a", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 600*188)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	const viewers = 4 * largeAtOnce
	for range 2 {
		v := stuckViewer{make(chan int), make(chan struct{})}
		done := make(chan error)
		held := 0
		for range viewers {
			go func() {
				content, err := OpenParts(context.Background(), st, []Part{{Key: "a", Size: 600 * 188, Counters: "256+5"}})
				if err != nil {
					v.asked <- 0
					done <- err
					return
				}
				_, _ = content.WriteTo(v)
				done <- content.Close()
			}()
			held += <-v.asked
		}
		if most := largeAtOnce*copySize + (viewers-largeAtOnce)*smallCopySize; held > most || held < largeAtOnce*copySize {
			t.Errorf("%d viewers hold %d bytes, at most %d", viewers, held, most)
		}
		close(v.release)
		for range viewers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}
