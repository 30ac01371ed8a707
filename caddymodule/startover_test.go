package caddymodule

import (
	"compress/gzip"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStartover(t *testing.T) {
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint("startover_window 1h\ntime_delay 4s"))
		want(t, o.do("GET", "/live/index.m3u8?start=5", nil), 404, "")
		began := time.Now()
		for n := range 8 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
		}
		time.Sleep(10 * time.Second)
		if listed := len(uris(o.media())); listed != 8 {
			t.Fatalf("%d segments", listed)
		}
		at := func(after time.Duration, layout string) string {
			return url.QueryEscape(began.Add(after).UTC().Format(layout))
		}
		// get follows a multivariant playlist.
		get := func(query, age string) string {
			t.Helper()
			w := o.do("GET", "/live/index.m3u8?"+query, nil)
			want(t, w, 200, "#EXTM3U")
			wantHeader(t, w.Header(), "Cache-Control", age)
			wantHeader(t, w.Header(), "Content-Type", "application/vnd.apple.mpegurl")
			target := "/live/" + uris(w.Body.String())[0]
			w = o.do("GET", target, nil)
			want(t, w, 200, "#EXTM3U")
			wantHeader(t, w.Header(), "Cache-Control", age)
			etag := w.Header().Get("ETag")
			want(t, o.do("GET", target, nil, "If-None-Match", etag), 304, "")
			packed := o.do("GET", target, nil, "Accept-Encoding", "gzip")
			wantHeader(t, packed.Header(), "Content-Encoding", "gzip")
			if text, err := gzip.NewReader(packed.Body); err != nil {
				t.Error(err)
			} else if same, err := io.ReadAll(text); err != nil || string(same) != w.Body.String() {
				t.Errorf("compressed, it is\n%s %v", same, err)
			}
			for _, segment := range uris(w.Body.String()) {
				want(t, o.do("GET", "/live/"+segment, nil), 200, "")
			}
			return w.Body.String()
		}
		vod := get("start="+at(3*time.Second, time.RFC3339)+"&end="+at(6*time.Second, time.RFC3339), "max-age=64")
		if len(uris(vod)) != 3 || !strings.Contains(vod, "#EXT-X-PLAYLIST-TYPE:VOD") || !strings.Contains(vod, "#EXT-X-ENDLIST") {
			t.Errorf("got\n%s", vod)
		}
		// The same in another zone, with a "+" that is not escaped.
		zone := began.Add(3 * time.Second).In(time.FixedZone("", 7200)).Format(time.RFC3339)
		unix := strconv.FormatInt(began.Add(6*time.Second).Unix(), 10)
		if same := get("start="+zone+"&end="+unix, "max-age=64"); same != vod {
			t.Errorf("got\n%s\nwant\n%s", same, vod)
		}
		event := get("start="+unix, "max-age=1")
		if !strings.Contains(event, "#EXT-X-PLAYLIST-TYPE:EVENT") || strings.Contains(event, "#EXT-X-ENDLIST") {
			t.Errorf("got\n%s", event)
		}

		for query, status := range map[string]int{
			"start=" + at(-time.Hour, time.RFC3339):  404,
			"start=" + at(time.Minute, time.RFC3339): 404,
			"start=tomorrow":                         400,
			"start=" + unix + "&end=" + unix:         400,
			"end=" + unix:                            400,
			"start":                                  400,
			"start=":                                 400,
			"end":                                    400,
			"start=" + unix + "&end":                 400,
			"start=" + unix + "&end=":                400,
			"start=" + unix + "&start=" + unix:       400,
			"st%61rt=tomorrow":                       400,
			"start=%zz":                              400,
			"start=" + unix + ";end=" + unix:         400,
			"start=1" + strings.Repeat("0", 30):      400,
			"start=9999999999":                       404,
			"start=9999-12-31T23:59:59Z":             404,
			"start=" + unix + "&token=%zz;":          200,
			"token=%zz;":                             200,
			"restart=5&started&send=1":               200,
			"token=1":                                200,
		} {
			w := o.do("GET", "/live/index.m3u8?"+query, nil)
			want(t, w, status, "")
			if status == 404 {
				wantHeader(t, w.Header(), "Cache-Control", "max-age=1")
			}
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
		}
		want(t, o.do("GET", "/live/index.m3u8?start=tomorrow", nil), 400, "neither Unix time in seconds nor a date")
		want(t, o.do("GET", "/live/index.m3u8?start="+at(time.Minute, time.RFC3339), nil), 404, "outside the startover window")
	})
}

// The documentation lists the forms of a time.
func TestFormsOfATime(t *testing.T) {
	_, table, _ := strings.Cut(readDocs(t, "configuration.md"), "| form | example |")
	table, _, _ = strings.Cut(table, "\n\n")
	forms := regexp.MustCompile("`([0-9][^`]+)`").FindAllStringSubmatch(table, -1)
	if len(forms) != 7 {
		t.Fatalf("%d examples in%s", len(forms), table)
	}
	segments(t)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, withEndpoint("startover_window 1h"))
		for n := range 3 {
			time.Sleep(segmentTime)
			o.deliver("/in/a", n)
		}
		for _, form := range forms {
			want(t, o.do("GET", "/live/index.m3u8?start="+form[1], nil), 404, "")
		}
		for _, other := range []string{"2026-09-21", "2026-09-21T20:15:00", "20260921T201500Z", "yesterday", "-1"} {
			want(t, o.do("GET", "/live/index.m3u8?start="+other, nil), 400, "")
		}
	})
}
