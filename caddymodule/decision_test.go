package caddymodule

import (
	"reflect"
	"strings"
	"testing"
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
