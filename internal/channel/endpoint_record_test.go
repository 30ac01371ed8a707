package channel

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/media"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// fullRecord has a value in every field that a journal of one node has.
func fullRecord() record {
	at := time.Date(2026, 5, 1, 20, 15, 0, 123_456_789, time.UTC)
	part := output.Part{Key: "sports/a/x-1", Offset: 188, Size: 61_288}
	return record{
		Format: 1, Epoch: "3hpazo",
		Slot: &output.Slot{
			MSN: 1_795_712_973, Input: "a", Sources: []string{"a", "b"}, Start: -5, End: 180_000, Discontinuity: true,
			DiscontinuityNumber: 7, TargetDuration: 2, Published: at, Head: 1_795_712_963, Dated: 7, Penalty: 10, Writer: "n1",
			Tags: []string{`#EXT-X-DATERANGE:ID="ä<&>",START-DATE="2026-01-01T00:00:00Z"`, "#EXT-X-CUE-OUT:30"},
			Renditions: []output.Rendition{
				{
					ID: "df4fedcf2916c520", Path: "v.m3u8", Duration: 180_000, Parts: []output.Part{part, {Key: "sports/a/x-2", Size: 1}}, Size: 61_289,
					Map:     &output.Section{Name: "df4f/3hpazo-init-1.mp4", ID: "one", Part: part},
					Format:  &output.Format{ContentType: "video/mp4", Extension: ".m4s", Codecs: "avc1.4d400c,mp4a.40.2", VideoCodec: "avc1.4d400c", Width: 320, Height: 180, FrameRate: 29.97, KeyFrameFirst: true},
					Defects: []failover.Defect{failover.DefectHole}, IFrames: []output.IFrame{{Offset: 188, Size: 3760, At: 9}, {Size: 1}}, IFrame: 12,
				},
				{ID: "a39c95b25d421a6f", Path: "audio.m3u8"},
				{ID: "722dd126af068baf", Path: "text.m3u8", Parts: []output.Part{{Key: "sports/a/x-3", Offset: 55, Size: 40, CueShift: -172_800, Unshifted: 89}}},
			},
		},
		Seam: &seam{
			Clock: failover.Timing{}, Dated: 3, Due: at,
			Renditions: []renditionSeam{{Path: "v.m3u8", End: 9, Signature: "{\"[", Frame: 3600, Last: "sports/a/x-2", Counters: media.CounterState{17: 6}}},
		},
	}
}

// bothWays reads a record fast, and as encoding/json does.
func bothWays(t *testing.T, text []byte, before *record) (fast, slow record, understood bool) {
	t.Helper()
	understood = fast.read(text, before)
	if err := json.Unmarshal(text, &slow); understood && err != nil {
		t.Fatalf("%s is understood, but %v", text, err)
	}
	if understood && len(fast.unread) > 0 {
		var err error
		if fast.Seam, err = readSeam(fast.unread); err != nil {
			t.Fatal(err)
		}
		fast.unread = nil
	}
	return fast, slow, understood
}

func TestRecordsAreReadTheFastWay(t *testing.T) {
	full := fullRecord()
	next := fullRecord()
	next.Slot.MSN, next.Slot.Renditions[0].Format.Width = full.Slot.MSN+1, 640
	for _, r := range []record{{Epoch: "3hpazo"}, {Slot: &output.Slot{}}, full, next} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, before := range []record{{}, full, {Slot: &output.Slot{}}} {
			fast, slow, understood := bothWays(t, text, &before)
			if !understood {
				t.Errorf("not understood: %s", text)
			} else if !reflect.DeepEqual(fast, slow) {
				t.Errorf("%s is read as %+v, not %+v", text, fast, slow)
			}
		}
	}
	text, _ := json.Marshal(next)
	fast, _, _ := bothWays(t, text, &full)
	if got, known := fast.Slot.Renditions[0], full.Slot.Renditions[0]; got.Map != known.Map || got.Format == known.Format {
		t.Error("what is the same as before is not shared, or what is not is")
	}
}

// What is more than a slot, or damaged, is left to encoding/json.
func TestRecordsThatAreLeft(t *testing.T) {
	text, _ := json.Marshal(fullRecord())
	for cut := range text {
		if new(record).read(text[:cut], &record{}) {
			t.Fatalf("understood: %s", text[:cut])
		}
	}
	for _, text := range []string{
		``, `{`, `{}x`, `{"life":"a",}`, `{"life":"a" }`, `{"life":1}`, `{"switch":{}}`, `{"link":{}}`, `{"decided":{}}`, `{"life":null}`,
		`{"slot":{"msn":-1}}`, `{"slot":{"msn":01}}`, `{"slot":{"start":1.5}}`, `{"slot":{"start":+1}}`, `{"slot":{"msn":99999999999999999999}}`,
		`{"slot":{"published":"yesterday"}}`, `{"slot":{"more":1}}`, `{"slot":{"renditions":[{}}}`, `{"slot":null}`, "{\"life\":\"\xff\"}",
		`{"seam":[]}`, `{"seam":{"a":"}`,
	} {
		if new(record).read([]byte(text), &record{}) {
			t.Errorf("understood: %s", text)
		}
	}
}

func FuzzRecordsAreReadTheSameBothWays(f *testing.F) {
	text, _ := json.Marshal(fullRecord())
	f.Add(text)
	f.Add([]byte(`{"life":"x","slot":{"msn":1,"renditions":null,"tags":["\ud800 \u2028"]}}`))
	full := fullRecord()
	f.Fuzz(func(t *testing.T, text []byte) {
		new(record).read(text, &full) // whatever it is
		var r record
		if json.Unmarshal(text, &r) != nil {
			return
		}
		// As the origin would write it.
		written, err := json.Marshal(r)
		if err != nil {
			return
		}
		fast, slow, understood := bothWays(t, written, &full)
		if !understood {
			if r.Switch == nil && r.Link == nil && r.Decided == nil {
				t.Errorf("not understood: %s", written)
			}
			return
		}
		a, _ := json.Marshal(fast)
		if b, _ := json.Marshal(slow); !bytes.Equal(a, b) {
			t.Errorf("%s is read as %s", written, a)
		}
	})
}

func BenchmarkReadRecord(b *testing.B) {
	full := fullRecord()
	text, _ := json.Marshal(full)
	b.Run("fast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r := new(record); !r.read(text, &full) {
				b.Fatal("not understood")
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(text, new(record)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
