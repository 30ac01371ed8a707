package caddymodule

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// What a decision has in the admin API, it has in the log and in events as well.
func TestADecisionIsToldEverywhereAlike(t *testing.T) {
	var d decision
	told := map[string]bool{}
	for _, f := range d.fields() {
		told[f.name] = true
	}
	event := d.event()
	of := reflect.TypeFor[decision]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if !told[name] {
			t.Errorf("%s is not logged", name)
		}
		if _, ok := event[name]; !ok {
			t.Errorf("%s is not in the event", name)
		}
		delete(told, name)
	}
	if len(told) > 0 {
		t.Errorf("not in the admin API: %v", told)
	}
}

// Only a fault of what arrived is a segment that cannot be used.
func TestEveryReasonHasWordsOfItsOwn(t *testing.T) {
	faults := failover.Faults()
	for _, reason := range failover.SwitchReasons() {
		why := whySwitched(failover.Switch{From: "a", To: "b", Reason: reason})
		unusable := strings.Contains(why, "cannot be used")
		fault := slices.Contains(faults, reason) && !slices.Contains(failover.Defects(), failover.Defect(reason))
		if unusable != fault {
			t.Errorf("%s: %q", reason, why)
		}
	}
}
