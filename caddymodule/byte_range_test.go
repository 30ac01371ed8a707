package caddymodule

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// RFC 9110 14.2: what is not understood is ignored, and what can't be satisfied is 416.
func TestRanges(t *testing.T) {
	o, _, segment := onAir(t)
	whole := bytes.Clone(o.do("GET", segment, nil).Body.Bytes())
	size := len(whole)
	const huge = "99999999999999999999" // above 2^64
	for asked, part := range map[string]string{
		"bytes=0-":                       fmt.Sprintf("0-%d", size-1),
		"bytes=188-375":                  "188-375",
		"BYTES=188-375":                  "188-375",
		"bytes= 188-375 ,":               "188-375",
		"bytes=188-" + huge:              fmt.Sprintf("188-%d", size-1),
		"bytes=-188":                     fmt.Sprintf("%d-%d", size-188, size-1),
		"bytes=-" + huge:                 fmt.Sprintf("0-%d", size-1),
		"bytes=188-375,-0," + huge + "-": "188-375",

		"bytes=-0":                         "none",
		fmt.Sprintf("bytes=%d-", size):     "none",
		"bytes=" + huge + "-":              "none",
		"bytes=" + huge + "-" + huge + "0": "none",
		"bytes=-0,-0":                      "none",

		"seconds=1-2":                         "whole",
		"bytes":                               "whole",
		"bytes=":                              "whole",
		"bytes=,":                             "whole",
		"bytes=375-188":                       "whole",
		"bytes=-":                             "whole",
		"bytes=--1":                           "whole",
		"bytes=+1-2":                          "whole",
		"bytes=0x1-2":                         "whole",
		"bytes=1 - 2":                         "whole",
		"bytes=188-375,seven":                 "whole",
		"bytes=" + strings.Repeat("0-0,", 17): "whole",
		fmt.Sprintf("bytes=0-%d,0-%d", size, size): "whole",
	} {
		w := o.do("GET", segment, nil, "Range", asked)
		switch part {
		case "whole":
			if want(t, w, 200, ""); !bytes.Equal(w.Body.Bytes(), whole) || w.Header().Get("Content-Range") != "" {
				t.Errorf("%s: %d bytes, %v", asked, w.Body.Len(), w.Header())
			}
		case "none":
			want(t, w, 416, "")
			wantHeader(t, w.Header(), "Content-Range", fmt.Sprintf("bytes */%d", size))
			wantHeader(t, w.Header(), "Cache-Control", "")
		default:
			want(t, w, 206, "")
			wantHeader(t, w.Header(), "Content-Range", fmt.Sprintf("bytes %s/%d", part, size))
			var first, last int
			if _, err := fmt.Sscanf(part, "%d-%d", &first, &last); err != nil || !bytes.Equal(w.Body.Bytes(), whole[first:last+1]) {
				t.Errorf("%s: %d bytes are not %s", asked, w.Body.Len(), part)
			}
		}
	}
	w := o.do("GET", segment, nil, "Range", "bytes=0-187,376-563")
	want(t, w, 206, "")
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "multipart/byteranges") || bytes.Count(w.Body.Bytes(), []byte("Content-Range:")) != 2 {
		t.Errorf("two ranges: %s", kind)
	}
	// It belongs to GET alone, and conditions come before it.
	want(t, o.do("HEAD", segment, nil, "Range", "bytes=0-1"), 200, "")
	etag := o.do("HEAD", segment, nil).Header().Get("ETag")
	want(t, o.do("GET", segment, nil, "Range", "bytes=-0", "If-None-Match", etag), 304, "")
	want(t, o.do("GET", segment, nil, "Range", "bytes=-0", "If-Range", `"other"`), 200, "")
	want(t, o.do("GET", segment, nil, "Range", "bytes=-0", "If-Range", etag), 416, "")
	want(t, o.do("GET", segment, nil, "Range", "bytes=0-1", "If-Range", "W/"+etag), 200, "")
	want(t, o.do("GET", segment, nil, "Range", "bytes=0-1", "If-Range", etag), 206, "")

	// What an encoder reads back goes by the same rules.
	names, media := segments(t)
	want(t, o.do("GET", "/in/a/"+names[0], nil, "Range", "seconds=1-2"), 200, "")
	want(t, o.do("GET", "/in/a/"+names[0], nil, "Range", "bytes=-0"), 416, "")
	if w := o.do("GET", "/in/a/"+names[0], nil, "Range", "bytes=-"+huge); w.Code != 206 || !bytes.Equal(w.Body.Bytes(), media[0]) {
		t.Errorf("read back: %d, %d bytes", w.Code, w.Body.Len())
	}
}
