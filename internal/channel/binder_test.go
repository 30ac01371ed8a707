package channel

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The binder says what is ready and what is of no use; it does nothing itself.
func TestTheBinderSaysWhatIsReady(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBinder()
	arriving := map[string]bool{}
	ready := func() string {
		var list []string
		expired := b.expire(now, all)
		for _, f := range b.ready(now, 10*time.Second, func(path string, _ time.Time) bool { return arriving[path] }, all) {
			list = append(list, f.path+" with "+f.section.part.Key)
		}
		for _, f := range expired {
			list = append(list, f.key+" expired")
		}
		return strings.Join(list, ", ")
	}
	expect := func(step, want string) {
		t.Helper()
		if got := ready(); got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}
	section := func(key string) *initSection {
		s := &initSection{arrived: now}
		s.part.Key = key
		return s
	}
	for i := range 3 {
		b.wait(fmt.Sprintf("%d.m4s", i), &fragment{key: fmt.Sprint(i), arrived: now.Add(time.Duration(-i) * time.Second)})
	}
	expect("no playlist", "")
	b.list("live.m3u8", &mapping{inits: map[string]string{"0.m4s": "init.mp4", "1.m4s": "init.mp4"}, named: []string{"init.mp4"}})
	expect("no initialization section", "")
	if old := b.replaceInit("init.mp4", section("one")); old != nil {
		t.Errorf("%s was replaced", old.part.Key)
	}
	arriving["init.mp4"] = true
	expect("it is being sent anew", "")
	if old := b.replaceInit("init.mp4", section("two")); old == nil || old.part.Key != "one" {
		t.Error("the first one was not given back")
	}
	delete(arriving, "init.mp4")
	expect("in the order of their arrival", "1.m4s with two, 0.m4s with two")
	expect("once", "")
	if n := len(b.unnamed(now.Add(time.Hour))); n != 0 {
		t.Errorf("%d sections that a playlist names were taken out", n)
	}
	b.list("live.m3u8", &mapping{})
	if out := b.unnamed(now); len(out) != 0 {
		t.Error("what nobody has named for a moment was taken out")
	}
	if out := b.unnamed(now.Add(time.Hour)); len(out) != 1 || out["init.mp4"].part.Key != "two" {
		t.Errorf("%d sections were taken out", len(out))
	}
	now = now.Add(fragmentAge)
	expect("too late", "2 expired")
}

// A name that comes again is about something else until a playlist has come that could know
// of it. Of several playlists, the one that came last counts.
func TestTheBinderKnowsNamesThatAreUsedAgain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	lists := func(init string, last uint64, objects ...string) *mapping {
		m := &mapping{inits: map[string]string{}, named: []string{init}, last: last}
		for _, o := range objects {
			m.inits[o] = init
		}
		return m
	}
	for _, c := range []struct {
		what, want string
		then       func(b *binder)
	}{
		{"before the next playlist", "", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
		}},
		{"the same bytes", "0.m4s with old", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "hash", arrived: now})
		}},
		{"with the next playlist", "0.m4s with old", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.list("live.m3u8", lists("old.mp4", 9, "0.m4s", "1.m4s"))
		}},
		{"with the next playlist, which names another one", "0.m4s with new", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.list("live.m3u8", lists("new.mp4", 9, "0.m4s"))
		}},
		{"after a playlist that goes on", "", func(b *binder) {
			b.list("live.m3u8", lists("old.mp4", 9, "0.m4s", "1.m4s"))
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
		}},
		{"after a playlist that begins anew", "0.m4s with old", func(b *binder) {
			b.list("live.m3u8", lists("old.mp4", 7, "0.m4s"))
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
		}},
		{"after a playlist that names another one", "0.m4s with new", func(b *binder) {
			b.list("live.m3u8", lists("new.mp4", 9, "0.m4s"))
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
		}},
		{"in another playlist that came later", "0.m4s with new", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.list("other.m3u8", lists("new.mp4", 0, "0.m4s"))
		}},
		{"in another playlist, whose section has not come", "", func(b *binder) {
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.list("other.m3u8", lists("missing.mp4", 0, "0.m4s"))
		}},
		{"the playlist is silent", "", func(b *binder) {
			b.silence("live.m3u8")
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.wait("1.m4s", &fragment{key: "other", hash: "other", arrived: now})
			if len(b.done) != 0 || !b.named()["old.mp4"] {
				t.Errorf("%d names are remembered, the section is named: %t", len(b.done), b.named()["old.mp4"])
			}
		}},
		{"the playlist was silent and goes on", "0.m4s with old", func(b *binder) {
			b.silence("live.m3u8")
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			b.list("live.m3u8", lists("old.mp4", 9, "0.m4s"))
		}},
		{"the playlist is forgotten", "", func(b *binder) {
			b.unlist("live.m3u8")
			b.wait("0.m4s", &fragment{key: "new", hash: "new", arrived: now})
			if len(b.done) != 0 {
				t.Errorf("%d names are remembered", len(b.done))
			}
		}},
	} {
		b := newBinder()
		for _, name := range []string{"old", "new"} {
			s := &initSection{}
			s.part.Key = name
			b.replaceInit(name+".mp4", s)
		}
		ready := func() string {
			var list []string
			bound := b.ready(now, time.Second, func(string, time.Time) bool { return false }, all)
			for _, f := range bound {
				list = append(list, f.path+" with "+f.section.part.Key)
			}
			return strings.Join(list, ", ")
		}
		b.list("live.m3u8", lists("old.mp4", 8, "0.m4s", "1.m4s"))
		b.wait("0.m4s", &fragment{key: "old", hash: "hash", arrived: now})
		if got := ready(); got != "0.m4s with old" {
			t.Fatalf("the first run: %q", got)
		}
		c.then(&b)
		if got := ready(); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// An input has no more initialization sections than it may have, whatever playlists name.
func TestTheBinderBoundsInitializationSections(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		whole, named bool
		want         int
	}{
		{false, false, maxInits}, {false, true, maxInits}, {true, false, wholeInits}, {true, true, namedWholeInits},
	} {
		b := newBinder()
		b.replaceInit("first.mp4", &initSection{arrived: now})
		b.list("live.m3u8", &mapping{inits: map[string]string{"0.m4s": "first.mp4"}, named: []string{"first.mp4"}})
		for i := range 400 {
			path := fmt.Sprintf("init-%d.mp4", i)
			if c.named {
				b.list(path+".m3u8", &mapping{inits: map[string]string{"1.m4s": path}, named: []string{path}})
			}
			b.replaceInit(path, &initSection{arrived: now.Add(time.Duration(i+1) * time.Second), whole: c.whole})
			b.surplus()
		}
		if c.whole {
			c.want++ // and the first one
		}
		if len(b.inits) != c.want || b.inits["init-399.mp4"] == nil {
			t.Errorf("%+v: %d", c, len(b.inits))
		}
		if !(c.named && !c.whole) && b.inits["first.mp4"] == nil {
			t.Errorf("%+v: the one that is named was dropped", c)
		}
	}
}

func all(n int) int { return n }
