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
		bound, expired := b.ready(now, 10*time.Second, func(path string, _ time.Time) bool { return arriving[path] })
		for _, f := range bound {
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
	b.list("live.m3u8", map[string]string{"0.m4s": "init.mp4", "1.m4s": "init.mp4"})
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
	b.list("live.m3u8", nil)
	if out := b.unnamed(now); len(out) != 0 {
		t.Error("what nobody has named for a moment was taken out")
	}
	if out := b.unnamed(now.Add(time.Hour)); len(out) != 1 || out["init.mp4"].part.Key != "two" {
		t.Errorf("%d sections were taken out", len(out))
	}
	now = now.Add(fragmentAge)
	expect("too late", "2 expired")
}
