package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

// exhaust leaves the process without a file descriptor, until it is released.
func exhaust(t *testing.T) (release func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 256
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var taken []*os.File
	release = func() {
		for _, f := range taken {
			f.Close()
		}
		taken = nil
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			return release
		}
		if err != nil {
			release()
			t.Fatal(err)
		}
		taken = append(taken, f)
	}
}

// What other nodes ask for is read, also while uploads take what is held back; what viewers ask for waits.
func TestWhatIsUrgentIsReadWithoutFileDescriptors(t *testing.T) {
	st, err := Open(Options{Dir: t.TempDir(), Warn: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx := context.Background()
	release := exhaust(t)
	defer release()
	for i := range 100 {
		key := fmt.Sprintf("sports/a/%d", i)
		w, err := st.Create(ctx, key, 4)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("data")); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		object, err := st.Open(store.Urgent(ctx), key)
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		data := make([]byte, 4)
		if _, err := object.ReadAt(data, 0); err != nil || string(data) != "data" {
			t.Errorf("%q, %v", data, err)
		}
		object.Close()
		if object, err := st.Open(ctx, key); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("for a viewer: %v, %v", object, err)
		}
	}
}

// Uploads are stored, and what they make superfluous is removed, while connections of strangers have all file
// descriptors; and there are as many for the next time as before.
func TestUploadsAreStoredWithoutFileDescriptors(t *testing.T) {
	for _, fsync := range []bool{false, true} {
		told := 0
		st, err := Open(Options{Dir: t.TempDir(), Fsync: fsync, Warn: func(err error) {
			if told++; !errors.Is(err, ErrDescriptors) {
				t.Error(err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		ctx := context.Background()
		j, err := st.Journal(ctx, "sports/hls")
		if err != nil {
			t.Fatal(err)
		}
		release := exhaust(t)
		defer release()
		revision := uint64(0)
		for round := range 100 {
			key := fmt.Sprintf("sports/a/%d-", round)
			var writers []store.Writer
			for i := range 8 { // at the same time
				w, err := st.Create(ctx, key+string(rune('0'+i)), 1000)
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				writers = append(writers, w)
			}
			for i, w := range writers {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					w.Abort()
					continue
				}
				if err := w.Commit(); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			// A journal begins another file now and then.
			if revision, err = j.Append(ctx, revision, make([]byte, 20_000)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			for i := range writers {
				if err := st.Delete(ctx, key+string(rune('0'+i))); err != nil {
					t.Fatal(err)
				}
			}
			st.WaitForRemovals()
		}
		if n := len(st.root.spare.held); n < spareDescriptors-1 { // the journal's file was opened meanwhile
			t.Errorf("%d are held back at the end", n)
		}
		if told != 1 {
			t.Errorf("it is told %d times", told)
		}
		release()
	}
}
