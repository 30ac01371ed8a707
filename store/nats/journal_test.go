package nats

import "testing"

func TestSubjectsAreInjective(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "a.b", "a/b", "a-b", "a_b", "a/b.c", "a.b/c", "a.b.c", "a/b/c", "a/b-c", "A", "0"} {
		subject := subjectToken(name)
		if other, ok := seen[subject]; ok {
			t.Errorf("%s and %s are both %s", name, other, subject)
		}
		seen[subject] = name
	}
}

func TestMarks(t *testing.T) {
	var m marks
	if _, ok := m.at(0); ok || m.tail() != (mark{}) {
		t.Error("something is known of nothing")
	}
	for revision := uint64(5); revision < 5000; revision++ {
		m.add(mark{revision, 10 * revision})
		m.add(mark{revision - 1, 1}) // known better
		if sequence, ok := m.at(revision); !ok || sequence != 10*revision {
			t.Fatalf("revision %d is at %d, %v", revision, sequence, ok)
		}
	}
	if n := len(m.list); n < keptMarks || n > 2*keptMarks {
		t.Errorf("%d are kept", n)
	}
	if sequence, ok := m.at(4999 - keptMarks + 1); !ok || sequence != 10*(4999-keptMarks+1) {
		t.Errorf("at %d, %v", sequence, ok)
	}
	if _, ok := m.at(5); ok {
		t.Error("the oldest are still known")
	}
	m.add(mark{6000, 7})
	if _, ok := m.at(4999); ok || m.tail() != (mark{6000, 7}) {
		t.Error("a hole was not noticed")
	}
}
