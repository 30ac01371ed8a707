package channel

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// What was kept for a restart may be damaged, or be of another version. That is told, and keeps no channel
// from starting with the rest of it.
func TestARecordThatCantBeReadIsLeftOut(t *testing.T) {
	for _, name := range []string{StandingFacts, arrivedMedia} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &failing{Store: memory.Open(1 << 20)}
				defer st.Close()
				c, err := Open(t.Context(), testConfig(shortEndpoint()), st)
				if err != nil {
					t.Fatal(err)
				}
				upload(t, c, "a", "main.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"))
				c.Close()
				j, err := st.Journal(t.Context(), "sports"+name)
				if err != nil {
					t.Fatal(err)
				}
				last, err := j.Last(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				unreadable := []string{"garbage", "[]", `{"time":"never"}`, ""}
				for i, text := range unreadable {
					if _, err := j.Append(context.Background(), last+uint64(i), []byte(text)); err != nil {
						t.Fatal(err)
					}
				}
				if c, err = Prepare(t.Context(), testConfig(shortEndpoint()), st, nil); err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				told := &recorder{}
				c.Observe(told)
				c.Begin()
				if f, err := c.Get(t.Context(), "a", "main.m3u8"); err != nil {
					t.Errorf("what the encoder had sent: %v", err)
				} else {
					f.Content.Close()
				}
				c.Close()
				synctest.Wait()
				if len(told.trouble) != len(unreadable) || !strings.Contains(told.trouble[0].Error(), "is left out: it can't be read") {
					t.Errorf("told: %v", told.trouble)
				}
			})
		})
	}
}
