//go:build unix

package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// TestBackup: all nodes restart, and have forgotten everything.
func TestBackup(t *testing.T) {
	c := natstest.Start(t, 3)
	o := nats.Options{Prefix: newPrefix(), BackupSize: 16 << 20}
	st := open(t, c, o)
	for _, n := range fetchSizes {
		put(t, st, fmt.Sprint("channel/", n, ".ts"), content(n))
	}
	// While the stream has no leader, objects wait.
	c.Kill(0)
	put(t, st, "channel/late.ts", content(3<<20))
	put(t, st, "channel/deleted.ts", content(100))
	if err := st.Delete(context.Background(), "channel/deleted.ts"); err != nil {
		t.Fatal(err)
	}
	c.Restart(0)
	waitForLast(t, c, o.Prefix, "channel.late=ts", 6)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	o.Node = "b"
	st = open(t, c, o)
	for _, n := range fetchSizes {
		wantObject(t, st, fmt.Sprint("channel/", n, ".ts"), content(n))
	}
	wantObject(t, st, "channel/late.ts", content(3<<20))
	wantNotFound(t, st, "channel/never.ts")

	// The oldest make room, also in the middle of an object.
	for i := range 30 {
		put(t, st, fmt.Sprint("more/", i, ".ts"), content(1<<20+i))
	}
	waitForLast(t, c, o.Prefix, "more.29=ts", 3)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	o.Node = "c"
	st = open(t, c, o)
	defer st.Close()
	there := 0
	for i := range 30 {
		object, err := st.Open(context.Background(), fmt.Sprint("more/", i, ".ts"))
		if err != nil {
			wantNotFound(t, st, fmt.Sprint("more/", i, ".ts"))
			continue
		}
		object.Close()
		there++
		wantObject(t, st, fmt.Sprint("more/", i, ".ts"), content(1<<20+i))
	}
	if there < 10 || there > 16 {
		t.Errorf("%d of 30 objects are in the backup", there)
	}
	wantNotFound(t, st, "channel/late.ts")
}

// waitForLast waits until the backup has so many chunks of an object.
func waitForLast(t *testing.T, c *natstest.Cluster, prefix, object string, chunks uint64) {
	t.Helper()
	conn, err := natsgo.Connect(strings.Join(c.URLs(), ","), natsgo.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		subject := prefix + ".object." + object
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		stream, err := js.Stream(ctx, prefix+"_objects")
		if err == nil {
			var info *jetstream.StreamInfo
			if info, err = stream.Info(ctx, jetstream.WithSubjectFilter(subject)); err == nil && info.State.Subjects[subject] == chunks {
				cancel()
				return
			}
		}
		cancel()
		if time.Now().After(end) {
			t.Fatalf("%s is not in the backup: %v", object, err)
		}
	}
}
