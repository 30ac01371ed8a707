package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
)

// An object is written as a stream, and there only once it is whole.
func ExampleStore() {
	ctx := context.Background()
	var st store.Store = memory.Open(64 << 20)
	defer st.Close()

	body := strings.NewReader("a segment")
	w, err := st.Create(ctx, "sports/a/1", body.Size())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Abort() // does nothing after Commit
	if _, err := w.ReadFrom(body); err != nil {
		fmt.Println(err)
		return
	}
	_, err = st.Open(ctx, "sports/a/1")
	fmt.Println("before Commit:", errors.Is(err, store.ErrNotFound))
	if err := w.Commit(); err != nil {
		fmt.Println(err)
		return
	}

	object, err := st.Open(ctx, "sports/a/1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer object.Close()
	fmt.Print("after: ")
	if _, err := io.Copy(os.Stdout, io.NewSectionReader(object, 2, 7)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// before Commit: true
	// after: segment
}

// Of two who append behind the same record, one wins. The other one reads on and
// decides again.
func ExampleJournal() {
	ctx := context.Background()
	st := memory.Open(64 << 20)
	defer st.Close()
	journal, err := st.Journal(ctx, "sports/hls")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, slot := range []string{"slot 1 from a", "slot 1 from b"} {
		_, err := journal.Append(ctx, 0, []byte(slot))
		fmt.Printf("%s: conflict is %v\n", slot, errors.Is(err, store.ErrConflict))
	}
	err = journal.Read(ctx, 0, func(revision uint64, record []byte) error {
		fmt.Printf("%d: %s\n", revision, record)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// slot 1 from a: conflict is false
	// slot 1 from b: conflict is true
	// 1: slot 1 from a
}
