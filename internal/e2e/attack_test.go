package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/liveorigin/caddy-live-origin/internal/hls"
	"github.com/liveorigin/caddy-live-origin/internal/testmedia"
)

// attackedOrigin has a channel with inputs that are attacked and one that goes on, and
// two channels beside it: one that is on the air, and one whose encoder only uploads. The
// store is small, so that whoever fills it meets the others.
const attackedOrigin = `
	store memory {
		capacity 64MiB
	}
	status /status
	channel sports {
		input locked /in/sports/locked {
			basic_auth encoder %s
		}
		input signed /in/sports/signed {
			digest encoder secret
		}
		input slow /in/sports/slow {
			max_uploads 4
		}
		input hostile /in/sports/hostile
		input beside /in/sports/beside
		input b /in/sports/b
		endpoint fast /fast/sports {
			segment_duration 2s
			startover_window 1h
		}
	}
	channel news {
		input a /in/news
		endpoint hls /live/news {
			segment_duration 2s
			startover_window 1h
		}
	}
	channel quiet {
		input a /in/quiet
		endpoint hls /live/quiet
	}
	%s`

// archive has two minutes of the past, whose playlists take megabytes.
const archive = `channel archive {
		input a /in/archive
		endpoint hls /live/archive {
			segment_duration 2s
			playlist_window 3m
			startover_window 1h
		}
	}`

// operatorsLogin checks the password of those who send one, and lets others pass.
const operatorsLogin = `
	@operator {
		path /status/*
		header Authorization *
	}
	basic_auth @operator {
		operator %s
	}`

const quietList = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nnever.ts\n"

// victims are those who do nothing wrong, and what 9 of 10 of them wait for at most.
type victims struct {
	viewer, otherInput, otherChannel time.Duration
}

// measure lets them do what they do, for a while.
func measure(t *testing.T, o *origin, length time.Duration) victims {
	t.Helper()
	var waits [3][]time.Duration
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		for i, what := range []struct{ method, path, body string }{
			{http.MethodGet, "/fast/sports/index.m3u8", ""},
			{http.MethodPut, "/in/sports/beside/live.m3u8", quietList},
			{http.MethodPut, "/in/quiet/live.m3u8", quietList},
		} {
			began := time.Now()
			req, err := http.NewRequest(what.method, o.url(what.path), strings.NewReader(what.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			waits[i] = append(waits[i], time.Since(began))
			if resp.StatusCode/100 != 2 {
				t.Errorf("%s %s is answered with %s", what.method, what.path, resp.Status)
			}
		}
	}
	nineOfTen := func(list []time.Duration) time.Duration {
		slices.Sort(list)
		return list[len(list)*9/10]
	}
	return victims{nineOfTen(waits[0]), nineOfTen(waits[1]), nineOfTen(waits[2])}
}

// within reports whether nobody waits more than ten times as long as when it is quiet.
// Below the floor it is the machine that is measured.
func (v victims) within(quiet victims) bool {
	const floor = 5 * time.Millisecond
	return v.viewer <= 10*max(quiet.viewer, floor) && v.otherInput <= 10*max(quiet.otherInput, floor) &&
		v.otherChannel <= 10*max(quiet.otherChannel, floor)
}

// TestAttacksHurtNobody lets a stranger, an encoder and a viewer do their worst, in a
// bounded form, from a process of their own, and looks at all others: nobody waits more
// than ten times as long as before, no upload and no slot is lost, startover windows stay,
// nobody is shown what another input claims, the operator gets in, and memory comes back.
func TestAttacksHurtNobody(t *testing.T) {
	if raceEnabled {
		t.Skip("it compares times, and the race detector makes work many times slower: .ci/test runs it without")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 11)
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{}
	o.prepare(t, "INFO")
	o.site = fmt.Sprintf(operatorsLogin, hash)
	o.start(fmt.Sprintf(attackedOrigin, hash, archive))
	names, media := testmedia.Segments(t, "116")
	dir := t.TempDir()
	for n, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), media[n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fillArchive(t, o, media)
	startIndependent(t, o.url("/in/sports/b"), 50)
	startIndependent(t, o.url("/in/news"), 50)
	fast, news := watch(t, o, "/fast/sports"), watch(t, o, "/live/news")
	fast.wait(2)
	news.wait(2)
	since := news.firstDate().Unix() + 1
	master := string(get(t, o.url("/fast/sports/index.m3u8")))
	quiet := measure(t, o, 3*time.Second)
	t.Logf("quiet: %+v", quiet)
	before := heap(t, o)

	slow := sendForce(t, o, slowUploads.name, dir)
	began := time.Now()
	for _, attack := range attacks() {
		warned := o.log.count()
		var under victims
		did, harm := 0, 0
		// The machine has others to serve as well, so a bad moment of it is no proof, and
		// the attackers may not have had their turn.
		for range 3 {
			force := sendForce(t, o, attack.name, dir)
			under = measure(t, o, 2500*time.Millisecond)
			if attack.meanwhile != nil {
				attack.meanwhile(t, o)
			}
			did, harm = force.recall()
			t.Logf("%s, %d times: %+v, %d lines of log", attack.name, did, under, o.log.count()-warned)
			if harm > 0 || did > 0 && under.within(quiet) {
				break
			}
		}
		if did == 0 || harm > 0 {
			t.Errorf("%s: done %d times, with harm %d times", attack.name, did, harm)
		}
		if !under.within(quiet) {
			t.Errorf("%s: the others wait for %+v, and for %+v when it is quiet", attack.name, under, quiet)
		}
		if lines := o.log.count() - warned; lines > 100 {
			t.Errorf("%s: the log has %d lines of it", attack.name, lines)
		}
	}
	fast.wait(3)
	news.wait(1)
	for name, v := range map[string]*viewer{"sports": fast, "news": news} {
		v.finish()
		for uri, f := range v.renditions {
			if f.discontinuity > 0 {
				t.Errorf("%s, %s: viewers saw %d discontinuities", name, uri, f.discontinuity)
			}
		}
	}
	if get(t, o.url(fmt.Sprintf("/live/news/index.m3u8?start=%d", since))) == nil {
		t.Error("the startover window of another channel was cut short")
	}
	if now := string(get(t, o.url("/fast/sports/index.m3u8"))); claims(t, now) != claims(t, master) {
		t.Errorf("viewers are told\n%s\nand before it was\n%s", now, master)
	}
	time.Sleep(time.Until(began.Add(35 * time.Second))) // they had to be cut off after 30
	if cut, other := slow.recall(); cut != slowUploads.many || other > 0 {
		t.Errorf("%s: %d of %d were answered, %d of them not with 408", slowUploads.name, cut, slowUploads.many, other)
	}
	if status, reason := upload(t, o, "/in/sports/slow/live.m3u8", []byte(quietList)); status != http.StatusCreated {
		t.Errorf("%s: they still hold their places: %d %s", slowUploads.name, status, reason)
	}
	// With its endpoint go the playlists that were kept for its viewers.
	o.reload(fmt.Sprintf(attackedOrigin, hash, ""))
	if after := heap(t, o); after > before+32<<20 {
		t.Errorf("the process holds %d MiB, and held %d", after>>20, before>>20)
	}
}

// claims is what a multivariant playlist says of its variants, but for the bit rates,
// which are measured anew with every segment.
func claims(t *testing.T, text string) string {
	t.Helper()
	p, err := hls.Parse([]byte(text), hls.DefaultLimits)
	if err != nil || p.Multivariant == nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var said strings.Builder
	for _, v := range p.Multivariant.Variants {
		fmt.Fprintln(&said, v.URI, v.Codecs, v.Width, v.Height, v.HDCPLevel, v.Audio, v.Attributes)
	}
	fmt.Fprintln(&said, len(p.Multivariant.Renditions), p.Multivariant.Tags)
	return said.String()
}

// heap is what the process holds when its garbage is gone, in bytes.
func heap(t *testing.T, o *origin) int64 {
	t.Helper()
	// What is freed by a finalizer goes with the second collection.
	get(t, "http://"+o.admin+"/debug/pprof/heap?gc=1&debug=1")
	lines := bufio.NewScanner(bytes.NewReader(get(t, "http://"+o.admin+"/debug/pprof/heap?gc=1&debug=1")))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "# HeapInuse = "); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the process does not tell what it holds")
	return 0
}
