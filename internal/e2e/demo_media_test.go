package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// demoPage is what the demo's status page is told about its channel.
type demoPage struct {
	Channels []struct {
		Status struct {
			Endpoints []struct{ Name, Active string }
			Counters  struct {
				Inputs map[string]struct{ Defects map[string]int }
			}
		}
		Decisions []demoSwitch
		Entries   []struct{ Kind, Input, Defects string }
	}
}

type demoSwitch struct {
	Endpoint, From, To, Reason string
	Seamless                   bool
}

// page reads the snapshot with which the status page begins.
func (d *demo) page() demoPage {
	d.t.Helper()
	resp, err := http.Get(d.base + "/status/events")
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			d.t.Fatal(err)
		}
		text, isData := strings.CutPrefix(line, "data: ")
		if !isData {
			continue
		}
		var p demoPage
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			d.t.Fatalf("%v: %s", err, text)
		}
		if len(p.Channels) != 1 {
			d.t.Fatalf("channels: %s", text)
		}
		return p
	}
}

// active is the input that the endpoint is on.
func (p demoPage) active(endpoint string) string {
	for _, e := range p.Channels[0].Status.Endpoints {
		if e.Name == endpoint {
			return e.Active
		}
	}
	return ""
}

// switches are those of an endpoint from one input to another.
func (p demoPage) switches(endpoint string) (list []demoSwitch) {
	for _, s := range p.Channels[0].Decisions {
		if s.Endpoint == endpoint && s.From != "" && s.From != s.To {
			list = append(list, s)
		}
	}
	return list
}

// marked tells whether the time strip shows a segment of the input with the defect.
func (p demoPage) marked(input, defect string) bool {
	for _, e := range p.Channels[0].Entries {
		if e.Kind == "segment" && e.Input == input && strings.Contains(e.Defects, defect) {
			return true
		}
	}
	return false
}

// encoderState is what the demo says of an encoder.
type encoderState struct {
	Name, State, Next string
	Left, Sent        int
}

// press presses a button of the status page.
func (d *demo) press(encoder, action string) {
	d.t.Helper()
	resp, err := http.Post(d.base+"/demo/encoders/"+encoder+"/"+action, "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %s %v %s", action, resp.Status, err, answer)
	}
}

// encoder asks how an encoder is.
func (d *demo) encoder(name string) encoderState {
	d.t.Helper()
	var all []encoderState
	if err := json.Unmarshal(get(d.t, d.base+"/demo/encoders"), &all); err != nil {
		d.t.Fatal(err)
	}
	for _, e := range all {
		if e.Name == name {
			return e
		}
	}
	d.t.Fatalf("there is no encoder %s", name)
	return encoderState{}
}

// until waits for something.
func (d *demo) until(what string, ok func() bool) {
	d.t.Helper()
	for limit := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			d.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestDemoOfBadMedia: at the press of a button the encoder on air sends media that is bad.
// The status page is told of the defect and counts it at that input and at no other, and
// both endpoints go on from the other encoder without a seam, for that reason.
func TestDemoOfBadMedia(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	d.until("what is usual is known", func() bool { return d.encoder("b").Sent >= 10 })
	for _, test := range []struct{ action, defect string }{
		{"hole", "hole"}, {"mute", "track_gone"}, {"freeze", "frozen"},
	} {
		before := d.page()
		bad := before.active("fast")
		if calm := before.active("hls"); calm != bad {
			t.Fatalf("%s: one endpoint is on %s, the other one on %s", test.action, bad, calm)
		}
		d.press(bad, test.action)
		for _, endpoint := range []string{"fast", "hls"} {
			n := len(before.switches(endpoint))
			d.until(test.action+" leads to a switch of "+endpoint, func() bool { return len(d.page().switches(endpoint)) > n })
		}
		d.until("the end of "+test.action, func() bool { return d.encoder(bad).Next == "" })
		sent := d.encoder(bad).Sent
		d.until("good media", func() bool { return d.encoder(bad).Sent >= sent+2 })

		after := d.page()
		for _, endpoint := range []string{"fast", "hls"} {
			list := after.switches(endpoint)[len(before.switches(endpoint)):]
			if len(list) != 1 || list[0].From != bad || list[0].Reason != test.defect || !list[0].Seamless {
				t.Errorf("%s: switches of %s: %+v", test.action, endpoint, list)
			}
		}
		if !after.marked(bad, test.defect) {
			t.Errorf("%s: no segment of %s is marked as %s", test.action, bad, test.defect)
		}
		for input, counters := range after.Channels[0].Status.Counters.Inputs {
			told := counters.Defects[test.defect] - before.Channels[0].Status.Counters.Inputs[input].Defects[test.defect]
			if (told > 0) != (input == bad) {
				t.Errorf("%s of %s: %s has %d segments that are %s", test.action, bad, input, told, test.defect)
			}
		}
	}
	playlist := get(t, d.base+"/fast/demo/index.m3u8")
	for line := range strings.Lines(string(playlist)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		media := get(t, d.base+"/fast/demo/"+strings.TrimSpace(line))
		if media == nil || bytes.Contains(media, []byte("#EXT-X-DISCONTINUITY\n")) || bytes.Contains(media, []byte("#EXT-X-GAP")) {
			t.Errorf("viewers notice it: %s", media)
		}
	}
}
