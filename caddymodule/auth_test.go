package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/bcrypt"
)

// slowHash takes its time, as a password hash does, and counts.
type slowHash struct {
	caddyauth.Comparer
	hold        chan struct{} // nil for no time at all
	now, atOnce atomic.Int64
	all         atomic.Int64
}

func (c *slowHash) Compare(hashed, plaintext []byte) (bool, error) {
	c.all.Add(1)
	c.atOnce.Store(max(c.atOnce.Load(), c.now.Add(1)))
	defer c.now.Add(-1)
	if c.hold != nil {
		<-c.hold
	}
	return c.Comparer.Compare(hashed, plaintext)
}

// withHash is an origin whose input a asks for the password "secret".
func withHash(t *testing.T, hold chan struct{}) (*origin, *slowHash) {
	t.Helper()
	before := compared
	compared = newComparisons()
	t.Cleanup(func() { compared = before })
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	o := newOrigin(t, withInput("basic_auth encoder "+string(hash)))
	slow := &slowHash{Comparer: caddyauth.BcryptHash{}, hold: hold}
	o.handler.routes["/in/a"].guard.basic.hash = slow
	return o, slow
}

func (o *origin) putAs(authorization, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("PUT", "/in/a/live.m3u8", strings.NewReader(shortList))
	r.RemoteAddr = from + ":1"
	r.Header.Set("Authorization", authorization)
	return o.serve(r)
}

// A slow hash is compared once, not for every upload, and not again behind a reload.
func TestPasswordIsCached(t *testing.T) {
	o, slow := withHash(t, nil)
	for range 10 {
		if w := o.putAs(basic("encoder", "secret"), "192.0.2.1"); w.Code/100 != 2 {
			t.Fatal(w.Code)
		}
	}
	if n := slow.all.Load(); n != 1 {
		t.Errorf("%d comparisons", n)
	}
	want(t, o.putAs(basic("encoder", "Secret"), "192.0.2.1"), 401, "")
	want(t, o.putAs(basic("other", "secret"), "192.0.2.1"), 401, "")
	// Another config with the same account.
	o.handler.routes["/in/a"].guard.basic = &accounts{hash: slow, hashed: o.handler.routes["/in/a"].guard.basic.hashed}
	want(t, o.putAs(basic("encoder", "secret"), "192.0.2.1"), 204, "")
	if n := slow.all.Load(); n != 3 {
		t.Errorf("%d comparisons", n)
	}
}

// Who guesses passwords on 500 connections keeps one comparison busy, and a known
// encoder does not wait for it.
func TestGuessing(t *testing.T) { synctest.Test(t, guessing) }

func guessing(t *testing.T) {
	hold := make(chan struct{})
	o, slow := withHash(t, hold)
	go func() { hold <- struct{}{} }()
	want(t, o.putAs(basic("encoder", "secret"), "192.0.2.1"), 201, "")

	refused := make(chan *httptest.ResponseRecorder, 500)
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			from := "198.51.100." + string(rune('1'+i%9))
			refused <- o.putAs(basic("encoder", "wrong"+from), from)
		})
	}
	// All but those in the queue are told to come later.
	for range 500 - maxComparisons {
		w := <-refused
		want(t, w, 429, "")
		wantHeader(t, w.Header(), "Retry-After", "5")
	}
	began := time.Now()
	want(t, o.putAs(basic("encoder", "secret"), "192.0.2.1"), 204, "")
	if took := time.Since(began); took > 0 {
		t.Errorf("the known encoder waited for %v", took)
	}
	close(hold)
	wg.Wait()
	if n := slow.atOnce.Load(); n != 1 {
		t.Errorf("%d comparisons at a time", n)
	}
	if n := slow.all.Load(); n > 1+maxComparisons {
		t.Errorf("%d comparisons", n)
	}
}

// Who guesses waits for each answer, but not without end in number; who has sent no
// credentials yet does not, as many encoders begin so.
func TestAnswersToGuessesAreHeldBack(t *testing.T) {
	o := newOrigin(t, withInput("bearer token"))
	before := heldBack
	heldBack = &tarpit{time: heldTime}
	t.Cleanup(func() { heldBack = before })
	synctest.Test(t, func(t *testing.T) {
		took := func(authorization string) time.Duration {
			began := time.Now()
			want(t, o.putAs(authorization, "192.0.2.1"), 401, "")
			return time.Since(began)
		}
		if d := took("Bearer wrong"); d < heldTime || d > 2*heldTime {
			t.Errorf("a wrong token is answered after %v", d)
		}
		if d := took(""); d != 0 {
			t.Errorf("a challenge comes after %v", d)
		}
		var guessers sync.WaitGroup
		for range maxHeld {
			guessers.Go(func() { took("Bearer wrong") })
		}
		synctest.Wait()
		if d := took("Bearer wrong"); d != 0 {
			t.Errorf("one more is held back as well, for %v", d)
		}
		guessers.Wait()
		if n := heldBack.now.Load(); n != 0 {
			t.Errorf("%d are held", n)
		}
		time.Sleep(3 * failureInterval) // until the failures are logged
	})
}

// Who has left is not compared for.
func TestGuessingIsGivenUp(t *testing.T) {
	c := newComparisons()
	c.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := &slowHash{Comparer: caddyauth.BcryptHash{}}
	if ok, err := c.compare(ctx, slow, []byte("$2a$"), []byte("x"), clientAddr(httptest.NewRequest("PUT", "/", nil)), false); ok || err == nil {
		t.Errorf("%t %v", ok, err)
	}
	if c.queued != 0 || len(c.waiting.of) != 0 || slow.all.Load() != 0 {
		t.Errorf("%d in the queue, %d comparisons", c.queued, slow.all.Load())
	}
}

// However many wrong passwords there are, the log has a line a minute.
func TestFailuresAreLoggedOnceAMinute(t *testing.T) {
	o := newOrigin(t, withInput("bearer token"))
	core, logs := zapobserver.New(zap.DebugLevel)
	o.handler.logger = zap.New(core)
	synctest.Test(t, func(t *testing.T) {
		before, holding := failures, heldBack
		failures, heldBack = &authFailures{interval: failureInterval}, &tarpit{} // for no time
		defer func() { failures, heldBack = before, holding }()
		for i := range 300 {
			w := o.putAs("Bearer wrong", "198.51.100."+string(rune('1'+i%3)))
			want(t, w, 401, "")
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if failures.running || failures.current != nil || failures.before != nil {
			t.Error("failures are remembered for ever")
		}
	})
	if first := logs.FilterMessage("wrong credentials").All(); len(first) != 1 || first[0].ContextMap()["client_ip"] != "198.51.100.1" {
		t.Errorf("%v", first)
	}
	later, total := logs.FilterMessage("many wrong credentials").All(), int64(1)
	for _, l := range later {
		total += l.ContextMap()["count"].(int64)
	}
	if len(later) != 5 || total != 300 {
		t.Errorf("%d lines, %d failures", len(later), total)
	}
	if n := logs.Len(); n != 6 {
		t.Errorf("%d lines in all", n)
	}
}

// A placeholder that is mistyped, or stands for nothing, is no secret and no path.
func TestUnknownPlaceholders(t *testing.T) {
	t.Setenv("SPACES", "  ")
	for _, block := range []string{
		withInput("bearer {evn.TOKEN}"), withInput("bearer {env.UNSET_TOKEN}"), withInput("bearer {env.SPACES}"),
		withInput("bearer x{env.UNSET_TOKEN}"), withInput("bearer {env.UNSET_TOKEN"), withInput("bearer env.UNSET_TOKEN}"),
		withInput("basic_auth {env.UNSET_USER} $2a$04$abcdefghijklmnopqrstuuJ7WvQlBC0xPAFvNZzDPx1yRkP6GKOAC"),
		withInput("basic_auth u {env.UNSET_HASH}"),
		withInput("digest u {env.UNSET_PASSWORD}"), withInput("digest {vars.user} secret"),
		withInput("allow {env.UNSET_NET}"),
		strings.Replace(twoInputs, "channel", "store file {env.UNSET_DIR}/x\nchannel", 1),
		strings.Replace(twoInputs, "channel", "store file {evn.DIR}/x\nchannel", 1),
	} {
		o, err := tryOrigin(t, block)
		if err == nil {
			t.Errorf("%s\nis accepted: %+v", block, o.handler.routes)
		}
	}
}

func TestClientAddr(t *testing.T) {
	for remote, addr := range map[string]string{
		"192.0.2.1:1": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::", "@": "invalid IP",
	} {
		o := &origin{t: t, server: &caddyhttp.Server{}}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		if got := clientAddr(o.prepare(httptest.NewRecorder(), r)).String(); got != addr {
			t.Errorf("%s: %s, want %s", remote, got, addr)
		}
	}
}
