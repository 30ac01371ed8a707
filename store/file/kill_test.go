package file_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/file"
)

// killDir names the directory for the child of TestKill.
const killDir = "LIVE_ORIGIN_FILE_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

const (
	killWindow   = 20
	killJournals = 3
)

func objectBytes(key string) []byte {
	seed := uint64(0)
	for _, c := range key {
		seed = seed*131 + uint64(c)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 1+r.IntN(200_000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// writeUntilKilled puts objects and appends their keys to journals, without end,
// and writes a line for each thing that was acknowledged.
func writeUntilKilled(dir string) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	st, err := file.Open(file.Options{Dir: dir, Warn: func(error) {}})
	must(err)
	fmt.Println("open")
	var wg sync.WaitGroup
	for worker := range killJournals {
		wg.Go(func() {
			name := fmt.Sprint("channel/", worker)
			j, err := st.Journal(ctx, name)
			must(err)
			last, err := j.Last(ctx)
			must(err)
			for ; ; last++ {
				key := fmt.Sprintf("%s/%d-%d.ts", name, last+1, os.Getpid())
				w, err := st.Create(ctx, key, -1)
				must(err)
				_, err = w.ReadFrom(bytes.NewReader(objectBytes(key)))
				must(err)
				must(w.Commit())
				_, err = j.Append(ctx, last, []byte(key+strings.Repeat(" ", 5_000)))
				must(err)
				fmt.Println("put", name, last+1, key)
				if last > killWindow {
					fmt.Println("forget", name, last-killWindow)
					must(j.Forget(ctx, last-killWindow))
				}
			}
		})
	}
	wg.Wait()
}

type acknowledged struct {
	last   uint64
	forgot uint64
	keys   map[uint64]string
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	known := map[string]*acknowledged{}
	for range 15 {
		killOnce(t, dir, 1+r.IntN(250), known)
		verify(t, dir, known)
	}
}

// killOnce runs the child until it has acknowledged so much, and notes what it
// did.
func killOnce(t *testing.T, dir string, lines int, known map[string]*acknowledged) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for i := 0; scanner.Scan(); i++ {
		// After the kill, go on to read what it had acknowledged before.
		if i == lines {
			child.Process.Kill()
		}
		f := strings.Fields(scanner.Text())
		switch {
		case f[0] == "failed":
			t.Error(scanner.Text())
		case f[0] == "put" && len(f) == 4:
			a := known[f[1]]
			if a == nil {
				a = &acknowledged{keys: map[uint64]string{}}
				known[f[1]] = a
			}
			a.last, _ = strconv.ParseUint(f[2], 10, 64)
			a.keys[a.last] = f[3]
		case f[0] == "forget" && len(f) == 3:
			known[f[1]].forgot, _ = strconv.ParseUint(f[2], 10, 64)
		}
	}
	child.Process.Kill()
	child.Wait()
}

func verify(t *testing.T, dir string, known map[string]*acknowledged) {
	t.Helper()
	ctx := context.Background()
	// Death of a process tears at most the record that was being written.
	st := mustOpen(t, file.Options{Dir: dir, Warn: func(err error) { t.Log(err) }})
	defer st.Close()
	for name, a := range known {
		j, err := st.Journal(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		last, err := j.Last(ctx)
		if err != nil || last < a.last || last > a.last+1 {
			t.Fatalf("journal %s ends with %d, acknowledged was %d: %v", name, last, a.last, err)
		}
		found := map[uint64]string{}
		err = j.Read(ctx, 0, func(revision uint64, b []byte) error {
			found[revision] = strings.TrimSpace(string(b))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for revision, key := range a.keys {
			if revision < a.forgot {
				delete(a.keys, revision)
				continue
			}
			if found[revision] != key {
				t.Fatalf("journal %s: record %d is %q, acknowledged was %q", name, revision, found[revision], key)
			}
		}
		a.last = last
		a.keys[last] = found[last]
		for _, key := range found {
			if o, err := st.Open(ctx, key); err != nil {
				t.Errorf("a record mentions %s: %v", key, err)
			} else {
				o.Close()
			}
		}
	}
	// Whatever is visible is whole, acknowledged or not.
	err := st.List(ctx, "", func(key string, size int64) error {
		o, err := st.Open(ctx, key)
		if err != nil {
			return err
		}
		defer o.Close()
		b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err == nil && !bytes.Equal(b, objectBytes(key)) {
			err = errors.New("not the bytes that were written")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	forgetObjects(t, st)
}

// forgetObjects deletes what the journals no longer hold, to keep the test quick. A journal may hold a record
// before anything of it was acknowledged.
func forgetObjects(t *testing.T, st store.Store) {
	t.Helper()
	ctx := context.Background()
	kept := map[string]bool{}
	for worker := range killJournals {
		j, err := st.Journal(ctx, fmt.Sprint("channel/", worker))
		if err != nil {
			t.Fatal(err)
		}
		err = j.Read(ctx, 0, func(_ uint64, b []byte) error {
			kept[strings.TrimSpace(string(b))] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := st.List(ctx, "", func(key string, _ int64) error {
		if kept[key] {
			return nil
		}
		return st.Delete(ctx, key)
	})
	if err != nil {
		t.Fatal(err)
	}
}
