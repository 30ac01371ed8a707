package output

import (
	"fmt"
	"strings"
	"testing"
)

func TestTagsAreBounded(t *testing.T) {
	var lines []string
	for i := range 10000 {
		lines = append(lines, fmt.Sprintf(`#EXT-X-DATERANGE:ID="%d",X-A="%s"`, i, strings.Repeat("x", i%200)), fmt.Sprint("#EXT-UNKNOWN:", i))
	}
	tags, _ := Carried(lines)
	if len(tags) != MaxTagLines {
		t.Errorf("%d lines", len(tags))
	}
	long := "#EXT-X-DATERANGE:ID=\"" + strings.Repeat("x", 60<<10) + `"`
	if tags, _ = Carried([]string{long, long, "#EXT-X-CUE-IN"}); len(tags) != 2 {
		t.Errorf("%d lines", len(tags))
	}
	if !TooManyTags(lines) || TooManyTags(lines[:100]) {
		t.Error("which is too many")
	}
}
