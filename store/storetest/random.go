package storetest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/liveorigin/caddy-live-origin/store"
)

var seed = flag.Uint64("storetest.seed", 0, "seed of the random operations; 0 draws one")

// testRandom compares random operations with a model: a map, a few numbers.
func (s suite) testRandom(t *testing.T) {
	for _, capacity := range []int64{0, 4 << 20} {
		t.Run(fmt.Sprint("capacity ", capacity), func(t *testing.T) {
			seed := *seed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("repeat with -storetest.seed=%d", seed)
			m := &model{
				t: t, st: s.fresh(t, capacity), capacity: capacity,
				rand:    rand.New(rand.NewPCG(seed, 0)),
				objects: map[string]*modelObject{}, journal: map[uint64][]byte{},
			}
			m.start = m.st.Usage().Bytes
			m.j = journal(t, m.st, "model")
			m.journalBytes = m.st.Usage().Bytes - m.start
			for range 1500 {
				m.step()
				m.check()
			}
			m.finish()
		})
	}
}

type model struct {
	t        *testing.T
	st       store.Store
	j        store.Journal
	rand     *rand.Rand
	capacity int64

	start        int64 // usage of the empty store
	journalBytes int64
	keys         int
	objects      map[string]*modelObject
	readers      []*modelReader
	writers      []*modelWriter
	journal      map[uint64][]byte
	last         uint64
	forgotten    uint64
}

type modelObject struct {
	b       []byte
	cost    int64 // what it counts for
	deleted bool
	readers int
}

type modelReader struct {
	store.Object
	of *modelObject
}

type modelWriter struct {
	store.Writer
	key  string
	b    []byte
	cost int64
}

func (m *model) step() {
	switch m.rand.IntN(10) {
	case 0, 1:
		m.create()
	case 2, 3:
		m.write()
	case 4:
		m.endWriter(m.rand.IntN(4) > 0)
	case 5:
		m.delete()
	case 6:
		m.open()
	case 7:
		m.read()
	case 8:
		m.closeReader()
	case 9:
		m.append()
	}
}

// measure returns by how much f changed the usage.
func (m *model) measure(f func()) int64 {
	before := m.st.Usage().Bytes
	f()
	return m.st.Usage().Bytes - before
}

// full checks that the store had a reason to refuse n more bytes: it is near its
// capacity, counted with what it may keep ready for unfinished writes.
func (m *model) full(err error, n int) {
	m.t.Helper()
	wantError(m.t, err, store.ErrFull)
	if m.capacity == 0 || m.st.Usage().Bytes+bound(n) <= m.capacity {
		m.t.Fatalf("full with %d bytes of %d, for %d more", m.st.Usage().Bytes, m.capacity, n)
	}
}

func (m *model) create() {
	if len(m.writers) > 5 {
		return
	}
	m.keys++
	w := &modelWriter{key: fmt.Sprintf("k%d/%d", m.keys%3, m.keys)}
	var err error
	w.cost = m.measure(func() {
		w.Writer, err = m.st.Create(context.Background(), w.key, m.rand.Int64N(400_000)-1)
	})
	if err != nil {
		m.full(err, 0)
		return
	}
	m.writers = append(m.writers, w)
}

func (m *model) write() {
	if len(m.writers) == 0 {
		return
	}
	i := m.rand.IntN(len(m.writers))
	w := m.writers[i]
	b := content(m.rand.Uint64(), m.rand.IntN(1<<m.rand.IntN(19)))
	var n int64
	var err error
	w.cost += m.measure(func() {
		if m.rand.IntN(2) == 0 {
			var k int
			k, err = w.Write(b)
			n = int64(k)
		} else {
			n, err = w.ReadFrom(bytes.NewReader(b))
		}
	})
	if err != nil {
		m.full(err, len(b)-int(n))
		m.dropWriter(i)
		wantError(m.t, w.Commit(), store.ErrFull)
		w.Abort()
		return
	}
	if n != int64(len(b)) {
		m.t.Fatalf("wrote %d of %d bytes", n, len(b))
	}
	w.b = append(w.b, b...)
}

func (m *model) dropWriter(i int) {
	m.writers = slices.Delete(m.writers, i, i+1)
}

func (m *model) endWriter(commit bool) {
	if len(m.writers) == 0 {
		return
	}
	i := m.rand.IntN(len(m.writers))
	w := m.writers[i]
	m.dropWriter(i)
	if !commit {
		if freed := -m.measure(w.Abort); freed != w.cost {
			m.t.Fatalf("abort freed %d bytes of %d", freed, w.cost)
		}
		return
	}
	w.cost += m.measure(func() {
		if err := w.Commit(); err != nil {
			m.t.Fatal(err)
		}
	})
	if w.cost < int64(len(w.b)) || w.cost > bound(len(w.b)) {
		m.t.Fatalf("an object of %d bytes counts for %d", len(w.b), w.cost)
	}
	m.objects[w.key] = &modelObject{b: w.b, cost: w.cost}
}

// any returns a random object, "" if there is none.
func (m *model) any() string {
	if len(m.objects) == 0 {
		return ""
	}
	keys := slices.Sorted(maps.Keys(m.objects)) // the same for the same seed
	return keys[m.rand.IntN(len(keys))]
}

func (m *model) delete() {
	key := m.any()
	if key == "" {
		return
	}
	o := m.objects[key]
	delete(m.objects, key)
	o.deleted = true
	want := o.cost
	if o.readers > 0 {
		want = 0
	}
	if freed := -m.measure(func() { remove(m.t, m.st, key) }); freed != want {
		m.t.Fatalf("delete freed %d bytes, want %d", freed, want)
	}
	wantNone(m.t, m.st, key)
}

func (m *model) open() {
	key := m.any()
	if key == "" || len(m.readers) > 5 {
		return
	}
	o := m.objects[key]
	o.readers++
	m.readers = append(m.readers, &modelReader{open(m.t, m.st, key), o})
}

func (m *model) read() {
	for _, r := range m.readers {
		wantBytes(m.t, r, r.of.b)
	}
}

func (m *model) closeReader() {
	if len(m.readers) == 0 {
		return
	}
	i := m.rand.IntN(len(m.readers))
	r := m.readers[i]
	m.readers = slices.Delete(m.readers, i, i+1)
	r.of.readers--
	want := int64(0)
	if r.of.deleted && r.of.readers == 0 {
		want = r.of.cost
	}
	if freed := -m.measure(func() { r.Close() }); freed != want {
		m.t.Fatalf("the close of a reader freed %d bytes, want %d", freed, want)
	}
}

func (m *model) append() {
	m.journalBytes += m.measure(func() {
		if m.rand.IntN(20) == 0 {
			m.forgotten = m.rand.Uint64N(m.last + 2)
			if err := m.j.Forget(context.Background(), m.forgotten); err != nil {
				m.t.Fatal(err)
			}
			maps.DeleteFunc(m.journal, func(revision uint64, _ []byte) bool { return revision < m.forgotten })
			return
		}
		var list [][]byte
		for range 1 + m.rand.IntN(3) {
			m.last++
			m.journal[m.last] = record(m.last)
			list = append(list, m.journal[m.last])
		}
		if last, err := m.j.Append(context.Background(), m.last-uint64(len(list)), list...); err != nil || last != m.last {
			m.t.Fatalf("append %d records: revision %d instead of %d, %v", len(list), last, m.last, err)
		}
	})
}

func (m *model) check() {
	u := m.st.Usage()
	want := m.start + m.journalBytes
	for _, o := range m.objects {
		want += o.cost
	}
	for _, w := range m.writers {
		want += w.cost
	}
	counted := map[*modelObject]bool{}
	for _, r := range m.readers {
		if r.of.deleted && !counted[r.of] {
			counted[r.of] = true
			want += r.of.cost
		}
	}
	if u.Bytes != want || u.Objects != int64(len(m.objects)) {
		m.t.Fatalf("usage is %d bytes and %d objects, want %d and %d", u.Bytes, u.Objects, want, len(m.objects))
	}
	if m.capacity > 0 && u.Bytes > m.capacity+m.journalBytes {
		m.t.Fatalf("%d bytes are used of %d", u.Bytes, m.capacity)
	}
}

func (m *model) finish() {
	m.read()
	for key, o := range m.objects {
		wantObject(m.t, m.st, key, o.b)
	}
	for len(m.objects) > 0 {
		m.delete()
	}
	for len(m.readers) > 0 {
		m.closeReader()
	}
	for len(m.writers) > 0 {
		m.endWriter(false)
	}
	wantUsage(m.t, m.st, m.start+m.journalBytes, 0)
	wantLast(m.t, m.j, m.last)
	kept := 0
	err := m.j.Read(context.Background(), 0, func(revision uint64, b []byte) error {
		if !bytes.Equal(b, record(revision)) {
			return errors.New("a record changed")
		}
		if _, ok := m.journal[revision]; ok {
			kept++
		}
		return nil
	})
	if err != nil || kept != len(m.journal) {
		m.t.Fatalf("%d of %d records: %v", kept, len(m.journal), err)
	}
}
