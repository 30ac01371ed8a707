package hls

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var attributeCases = []struct {
	list string
	want []Attribute
	err  string
}{
	{list: `A=1`, want: []Attribute{{"A", "1", false}}},
	{list: `A="x,y=z",B=NONE`, want: []Attribute{{"A", "x,y=z", true}, {"B", "NONE", false}}},
	{list: `A="",B=0xFF`, want: []Attribute{{"A", "", true}, {"B", "0xFF", false}}},
	{list: `RESOLUTION=1280x720,FRAME-RATE=25.000,X-COM-A="b"`, want: []Attribute{{"RESOLUTION", "1280x720", false}, {"FRAME-RATE", "25.000", false}, {"X-COM-A", "b", true}}},
	{list: ` A = 1 , B = "2" ,`, want: []Attribute{{"A", "1", false}, {"B", "2", true}}},
	{list: `x-lower_case.1=a b=c`, want: []Attribute{{"x-lower_case.1", "a b=c", false}}},
	{list: ``, err: "no attributes"},
	{list: `A`, err: "no value"},
	{list: `A=`, err: "no value"},
	{list: `A=,B=1`, err: "no value"},
	{list: `A=1,B`, err: "no value"},
	{list: `=1`, err: "not an attribute name"},
	{list: `,A=1`, err: "not an attribute name"},
	{list: `A B=1`, err: "not an attribute name"},
	{list: `Ä=1`, err: "not an attribute name"},
	{list: `A="1`, err: "is not closed"},
	{list: `A="1"2`, err: "after the quoted string"},
	{list: `A="1""2"`, err: "after the quoted string"},
	{list: `A=1"2"`, err: "stray quote"},
	{list: `A=1,A=1`, err: "twice"},
	{list: `A=1,B=2,A="3"`, err: "twice"},
	{list: manyAttributes(20) + `,N3=1`, err: "twice"},
	{list: manyAttributes(20) + `,N19=1`, err: "twice"},
}

func manyAttributes(n int) string {
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString("N" + strconv.Itoa(i) + `="a,b"`)
	}
	return list.String()
}

func TestParseAttributes(t *testing.T) {
	for _, c := range attributeCases {
		got, err := ParseAttributes(c.list)
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.list, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: got %v, %v, want an error with %q", c.list, got, err, c.err)
		case c.err == "" && !reflect.DeepEqual(got, c.want):
			t.Errorf("%s: got %v, want %v", c.list, got, c.want)
		}
	}
	if got, err := ParseAttributes(manyAttributes(100_000)); err != nil || len(got) != 100_000 {
		t.Errorf("100,000 attributes: %d, %v", len(got), err)
	}
}
