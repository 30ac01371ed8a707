package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

// RunDurable tests what an engine keeps when it is closed and reopened. open
// opens the store of this directory, which is empty at first; the suite closes
// it.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	t.Run("reopen gives objects", func(t *testing.T) { testReopenObjects(t, open) })
	t.Run("reopen gives journals", func(t *testing.T) { testReopenJournals(t, open) })
	t.Run("many reopens with random steps", func(t *testing.T) { testReopenOften(t, open) })
}

func closeStore(t *testing.T, st store.Store) {
	t.Helper()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func testReopenObjects(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	dir := t.TempDir()
	st := open(t, dir)
	start := st.Usage().Bytes
	keys := map[string]int64{"a": 0, "a/b": 200, "a/b/c.ts": 70_000, "init.mp4": 900}
	for key, n := range keys {
		put(t, st, key, content(uint64(n), int(n)))
	}
	put(t, st, "gone/x", content(1, 5_000))
	remove(t, st, "gone/x")
	w := create(t, st, "half", -1)
	if _, err := w.Write(content(1, 100_000)); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	used := st.Usage()
	closeStore(t, st)

	st = open(t, dir)
	if got := st.Usage(); got.Bytes != used.Bytes || got.Objects != used.Objects {
		t.Fatalf("usage is %+v after reopen, was %+v", got, used)
	}
	wantList(t, st, "", keys)
	wantNone(t, st, "gone/x")
	wantNone(t, st, "half")
	for key, n := range keys {
		wantObject(t, st, key, content(uint64(n), int(n)))
		_, err := st.Create(context.Background(), key, -1)
		wantError(t, err, store.ErrExists)
		remove(t, st, key)
	}
	wantUsage(t, st, start, 0)
	closeStore(t, st)

	st = open(t, dir)
	wantUsage(t, st, start, 0)
	closeStore(t, st)
}

func testReopenJournals(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	dir := t.TempDir()
	st := open(t, dir)
	j, all := journal(t, st, "a/b"), journal(t, st, "a")
	journal(t, st, "empty")
	few := journal(t, st, "few")
	appendRecord(t, few, 0, record(1))
	if err := few.Forget(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(400) {
		appendRecord(t, j, i, record(i+1))
		appendRecord(t, all, i, record(i+1))
	}
	ctx := context.Background()
	if err := j.Forget(ctx, 350); err != nil {
		t.Fatal(err)
	}
	if err := all.Forget(ctx, 401); err != nil {
		t.Fatal(err)
	}
	used := st.Usage()
	closeStore(t, st)

	st = open(t, dir)
	if got := st.Usage(); got.Bytes != used.Bytes || got.Objects != used.Objects {
		t.Fatalf("usage is %+v after reopen, was %+v", got, used)
	}
	j, all = journal(t, st, "a/b"), journal(t, st, "a")
	wantLast(t, j, 400)
	wantRecords(t, j, 349, 350, 400, record)
	wantLast(t, all, 400)
	few = journal(t, st, "few")
	wantLast(t, few, 1)
	if _, shared := st.(store.Shared); !shared { // what all nodes share goes a little later
		wantRecords(t, all, 0, 1, 0, record)
		wantRecords(t, few, 0, 1, 0, record)
	}
	wantLast(t, journal(t, st, "empty"), 0)
	_, err := all.Append(ctx, 0, nil)
	wantError(t, err, store.ErrConflict)
	appendRecord(t, all, 400, record(401))
	wantRecords(t, all, 400, 401, 401, record)
	closeStore(t, st)
}

func testReopenOften(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	dir := t.TempDir()
	const rounds, each = 12, 25
	kept := map[string]int64{}
	for round := range rounds {
		st := open(t, dir)
		j := journal(t, st, "j")
		last := uint64(round * each)
		wantLast(t, j, last)
		wantList(t, st, "", kept)
		for i := range uint64(each) {
			key, n := fmt.Sprintf("%d/%d", i%3, last+i), int64((last+i)*17%9_000)
			put(t, st, key, content(last+i, int(n)))
			kept[key] = n
			appendRecord(t, j, last+i, record(last+i+1))
		}
		for key := range kept {
			if len(kept) <= 40 {
				break
			}
			remove(t, st, key)
			delete(kept, key)
		}
		if err := j.Forget(context.Background(), last); err != nil {
			t.Fatal(err)
		}
		closeStore(t, st)
	}
}
