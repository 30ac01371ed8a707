package failover

import "testing"

// The name that an encoder's playlist had for a while is none of its renditions afterwards: when the other encoder
// has it in turn, that is something else.
func TestANameForAWhileIsNoRendition(t *testing.T) {
	w := runScenario(t, "testdata/renamed_and_back.txt")
	b := w.channel.input("b")
	if r := b.rendition("v2"); r != nil {
		t.Errorf("v2 is %s, from %s", r.path, r.upload)
	}
	if r := b.rendition("v"); r == nil || r.upload != "v" {
		t.Errorf("v is %v", r)
	}
}
