package compact

import (
	"testing"
)

func TestValuesAreReadAsTheyAreWritten(t *testing.T) {
	r := NewReader([]byte(`{"s":"a\"b\u003c","t":"known","i":-7,"u":7,"f":29.97,"b":true,"l":[1,2],"n":null,"o":{"x":["}",{}]}}`))
	known := "known"
	var sum int64
	seen := 0
	r.Object(func(name []byte) {
		seen++
		ok := true
		switch string(name) {
		case "s":
			ok = r.String("") == `a"b<`
		case "t":
			ok = r.String(known) == known
		case "i":
			ok = r.Int() == -7
		case "u":
			ok = r.Uint() == 7
		case "f":
			ok = r.Float() == 29.97
		case "b":
			ok = r.Bool()
		case "l":
			ok = r.Array(func() { sum += r.Int() }) && sum == 3
		case "n":
			ok = !r.Array(func() { t.Error("null has elements") })
		case "o":
			ok = string(r.Raw()) == `{"x":["}",{}]}`
		}
		if !ok {
			t.Errorf("%s is read wrong", name)
		}
	})
	if !r.Done() || seen != 9 {
		t.Errorf("%d fields, done: %v", seen, r.Done())
	}
}

// After the first surprise, all is refused.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, text := range []string{`{"a":x}`, `{"a":"b"`, `{"a":"b",}`, `{"a" :"b"}`, `{"a":"\x"}`, `{"a":"b"}}`} {
		r := NewReader([]byte(text))
		r.Object(func([]byte) { r.String("") })
		if r.Done() {
			t.Errorf("understood: %s", text)
		}
	}
}
