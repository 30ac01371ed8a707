package nodes

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestFrameRoundTrip(t *testing.T) {
	said := say{group: "news/hd.1", index: 2, pieces: 5, base: 7, age: 1234}
	f := frame{kind: kindSay, path: 1, node: "origin-1", epoch: math.MaxInt64, number: 9, head: said.encode(), body: []byte("body")}
	got, err := decodeFrame(f.encode())
	if err != nil || got.kind != f.kind || got.path != f.path || got.node != f.node || got.epoch != f.epoch || got.number != f.number || !bytes.Equal(got.body, f.body) {
		t.Fatalf("%+v, %v", got, err)
	}
	if s, err := decodeSay(got.head); err != nil || s != said {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := decodeFrame(append([]byte{2}, f.encode()[1:]...)); !errors.Is(err, errVersion) {
		t.Errorf("another version: %v", err)
	}
	for n := range len(f.encode()) - len(f.body) {
		if _, err := decodeFrame(f.encode()[:n]); !errors.Is(err, errMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// FuzzFrame: nothing that comes over the wire makes a node panic. What can be read is the
// same after it was written again.
func FuzzFrame(f *testing.F) {
	f.Add(frame{kind: kindSay, node: "a", epoch: 1, number: 1, head: say{group: "g", pieces: 1}.encode(), body: []byte("x")}.encode())
	f.Add(frame{kind: kindBeat, node: "a", epoch: 1, number: 1, head: head(beat{At: 1, Groups: []beatGroup{{Name: "g", Last: 3}}, Heard: []beatHeard{{Node: "me", Number: 1, Held: -5}}})}.encode())
	f.Add(frame{kind: kindRepair, node: "a", number: 1, head: head(repair{Group: "g", Node: "b", From: 1, To: math.MaxUint64})}.encode())
	f.Add(frame{kind: kindRepaired, node: "a", number: 1, head: head(repaired{Group: "g", Node: "b", Request: 3, Next: 2})}.encode())
	f.Add(frame{kind: kindQuestion, node: "a", number: 1, head: head(question{ID: 1, Within: math.MaxInt64})}.encode())
	f.Add(frame{kind: kindAnswer, node: "a", number: 1, head: head(answer{ID: 1, Size: math.MaxInt})}.encode())
	f.Add(frame{kind: kindPull, node: "a", number: 1, head: head(chunk{ID: 1, Index: math.MaxInt})}.encode())
	f.Add(frame{kind: kindChunk, node: "a", number: 1, head: head(chunk{ID: 1, Index: math.MinInt})}.encode())
	f.Add(frame{kind: kindDone, node: "a", number: 1, head: []byte("{")}.encode())
	f.Add(frame{kind: kindBye, node: "a", epoch: -1, number: math.MaxUint64}.encode())
	f.Add([]byte{formatVersion, byte(kindSay), 0, 255, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		decoded, err := decodeFrame(b)
		if err != nil {
			return
		}
		if !bytes.Equal(decoded.encode(), b) {
			t.Errorf("%x became %x", b, decoded.encode())
		}
		if s, err := decodeSay(decoded.head); err == nil && !bytes.Equal(s.encode(), decoded.head) {
			t.Errorf("%x became %x", decoded.head, s.encode())
		}
		n := offline(t)
		n.receive(n.links[factsA], decoded)
		n.hearMessage(decoded)
		n.answers.end()
	})
}
