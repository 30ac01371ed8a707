package channel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// Uploads have their turns in the order in which they asked.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInput(nil, "a")
		first := Turn{of: in.turns}
		first.Take()
		first.Take()
		var served []int
		for i := range 5 {
			go func() {
				turn := Turn{of: in.turns}
				defer turn.Give()
				turn.Take()
				served = append(served, i)
			}()
			synctest.Wait()
		}
		if len(served) > 0 {
			t.Fatalf("%v had a turn that was taken", served)
		}
		first.Give()
		first.Give()
		synctest.Wait()
		if !slices.Equal(served, []int{0, 1, 2, 3, 4}) {
			t.Errorf("they were served in the order %v", served)
		}
	})
}

// slowBody brings a playlist bit by bit.
type slowBody struct{ io.Reader }

func (b slowBody) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return b.Reader.Read(p[:min(len(p), 10)])
}

// A playlist that arrives slowly keeps no other one of its input waiting, and one that has
// arrived is read, although its sender has left.
func TestPlaylistsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		in := c.inputs["a"]
		put := func(ctx context.Context, name string, body io.Reader) error {
			_, err := c.Put(ctx, "a", name, body, -1)
			return err
		}
		const text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nx.ts\n"
		slow := make(chan error)
		go func() { slow <- put(t.Context(), "slow.m3u8", slowBody{strings.NewReader(text)}) }()
		synctest.Wait()
		if err := put(t.Context(), "quick.m3u8", strings.NewReader(text)); err != nil {
			t.Error(err)
		}
		if err := <-slow; err != nil {
			t.Error(err)
		}
		// Somebody else of the input has its turn.
		other := Turn{of: in.turns}
		other.Take()
		ctx, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		left := make(chan error)
		go func() { left <- put(ctx, "slow.m3u8", strings.NewReader(text)) }()
		time.Sleep(2 * time.Minute)
		other.Give()
		if err := <-left; err != nil {
			t.Errorf("of one that has sent all, and left: %v", err)
		}
		if _, ok := in.file("slow.m3u8"); !ok {
			t.Error("its playlist was not taken")
		}
		if n := in.texts.buffered.Load(); n != 0 {
			t.Errorf("%d bytes are taken for buffered", n)
		}
		// Encoders end their side as soon as they have sent all: nobody waits for an answer.
		gone, end := context.WithCancel(t.Context())
		end()
		for range 50 {
			if err := put(gone, "quick.m3u8", strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := put(t.Context(), "later.m3u8", strings.NewReader(text)); err != nil {
			t.Error(err)
		}
	})
}

// Media is looked into when it is its turn, and keeps no other upload waiting while it
// arrives.
func TestMediaTakesTurns(t *testing.T) {
	_, segments := testmedia.Segments(t, "2")
	synctest.Test(t, func(t *testing.T) {
		c := openChannel(t, testConfig(shortEndpoint()))
		turns := c.inputs["a"].turns
		body, sender := io.Pipe()
		ended := make(chan error)
		go func() {
			_, err := c.Put(t.Context(), "a", "slow.ts", body, -1)
			ended <- err
		}()
		if _, err := sender.Write(segments[0][:1000]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		upload(t, c, "a", "quick.ts", segments[0])
		turns <- struct{}{} // somebody else has it
		go func() {
			_, _ = sender.Write(segments[0][1000:])
			sender.Close()
		}()
		ctx, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		left := make(chan error)
		go func() {
			_, err := c.Put(ctx, "a", "left.ts", bytes.NewReader(segments[0]), -1)
			left <- err
		}()
		time.Sleep(2 * time.Minute)
		<-turns
		if err := <-left; err != nil {
			t.Errorf("of one that has sent all, and left: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A multivariant playlist is written to a journal, so it must not have megabytes, nor must
// those that it replaced.
func TestMultivariantPlaylistsAreBounded(t *testing.T) {
	config := testConfig(shortEndpoint())
	config.Inputs[0].MaxRenditions, config.Inputs[0].MaxPlaylistSize = 4, 1<<20
	c := openChannel(t, config)
	put := func(size, n int) error {
		text := fmt.Sprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=%d\nlive.m3u8\n", n+1)
		for len(text) < size {
			text += "#EXT-X-SESSION-DATA:DATA-ID=\"x\",VALUE=\"" + strings.Repeat("x", 1000) + "\"\n"
		}
		_, err := c.Put(t.Context(), "a", "master.m3u8", strings.NewReader(text), -1)
		return err
	}
	if err := put(4*bytesPerRendition+1, 0); !refused(err, TooLarge) {
		t.Errorf("one that is too long: %v", err)
	}
	if _, err := c.Put(t.Context(), "b", "master.m3u8", strings.NewReader("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n"), -1); err != nil {
		t.Fatal(err)
	}
	before := c.store.Usage().Bytes
	for n := range 100 {
		if err := put(3*bytesPerRendition, n); err != nil {
			t.Fatal(err)
		}
	}
	if more := c.store.Usage().Bytes - before; more > 2*staleBytes {
		t.Errorf("the journal holds %d bytes of what was replaced", more)
	}
	if c.standing.stale > staleBytes {
		t.Errorf("%d bytes of it are taken for replaced", c.standing.stale)
	}
}
