package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lossLengths makes TestPlayersLiveThroughALossOfAllInputs measure what players
// make of every way to meet a loss, which is where the default of on_input_loss
// comes from:
//
//	go test ./internal/e2e -run LossOfAllInputs -input-loss 5s,30s,5m -timeout 60m -v
var lossLengths = flag.String("input-loss", "", "measure losses of these `lengths`, separated by commas, and print a table")

var lossKind = flag.String("input-loss-kind", "", "measure only losses with this `word` in their names: killed or burst")

var lossModes = []string{"hold", "gap", "error"}

// lossPlayer is one that watches.
type lossPlayer struct {
	name    string
	browser string   // hlsJS, shaka, or empty for ffmpeg
	options string   // of a browser's player
	persist bool     // hls.js: a network error is not the end
	args    []string // of ffmpeg
}

// lossPlayers have their own defaults, and where these give up, settings that
// help.
var lossPlayers = []lossPlayer{
	{name: "hls.js", browser: hlsJS},
	{name: "hls.js (1)", browser: hlsJS, persist: true},
	{name: "shaka-player", browser: shaka},
	{name: "shaka-player (2)", browser: shaka, options: `{"manifest": {"availabilityWindowOverride": 3600}}`},
	{name: "ffmpeg"},
	{name: "ffmpeg (3)", args: []string{"-max_reload", "100000", "-m3u8_hold_counters", "100000"}},
}

// outage is how all encoders are lost and come back.
type outage struct {
	name string
	// begin ends what e delivers, return brings it back.
	begin func(e *encoder)
	back  func(e *encoder, target string)
}

var outages = []outage{
	{
		// Numbers, names and timestamps begin anew, and the media of the time
		// between does not exist.
		name:  "encoder killed and started again",
		begin: (*encoder).kill,
		back:  func(e *encoder, target string) { startIndependent(e.t, target, 50) },
	},
	{
		// What was held back comes at once, and all of it.
		name:  "encoder cut off, then a late burst",
		begin: func(e *encoder) { e.signal(syscall.SIGSTOP) },
		back:  func(e *encoder, _ string) { e.signal(syscall.SIGCONT) },
	},
}

// lossPlan is how a loss is measured.
type lossPlan struct {
	length  time.Duration
	modes   []string
	players []lossPlayer
	// warmUp is how many segments there are before anybody watches. Players take
	// from the first playlist how much of the past there is: it should be as long
	// as that of a channel which has been on air for a while.
	warmUp int
	calm   time.Duration // before the loss, to see that the players play
	after  time.Duration // behind it, to see that they go on
	// strict: it is an error that the machine is too slow for all of this.
	strict bool
}

// TestPlayersLiveThroughALossOfAllInputs: with the default of on_input_loss,
// players go on by themselves when an encoder is back.
func TestPlayersLiveThroughALossOfAllInputs(t *testing.T) {
	if *lossLengths == "" {
		t.Parallel()
		plan := lossPlan{
			length: 5 * time.Second, modes: lossModes[:1], warmUp: 5, calm: 5 * time.Second, after: 20 * time.Second,
			players: []lossPlayer{{name: "hls.js", browser: hlsJS}, {name: "ffmpeg"}},
		}
		for _, r := range measureLoss(t, outages[0], plan) {
			if !r.recovered {
				t.Errorf("%s: %s", r.player, r)
			}
		}
		return
	}
	for _, kind := range outages {
		if *lossKind != "" && !strings.Contains(kind.name, *lossKind) {
			continue
		}
		var table []outcome
		for _, text := range strings.Split(*lossLengths, ",") {
			length, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			plan := lossPlan{
				length: length, modes: lossModes, warmUp: 30, calm: 20 * time.Second, after: 40 * time.Second,
				players: lossPlayers, strict: true,
			}
			t.Run(kind.name+" "+text, func(t *testing.T) {
				table = append(table, measureLoss(t, kind, plan)...)
			})
		}
		fmt.Printf("\n%s:\n\n", kind.name)
		printLosses(os.Stdout, table)
	}
}

// measureLoss lets all players watch all modes at once, on one channel, while it
// loses its encoder. A player on a channel that loses nothing shows whether the
// machine was up to it.
func measureLoss(t *testing.T, kind outage, plan lossPlan) []outcome {
	block := "\t\tchannel control {\n\t\t\tinput a /in/control\n\t\t\tendpoint control /control {\n\t\t\t\tsegment_duration 2s\n\t\t\t}\n\t\t}\n" +
		"\t\tchannel sports {\n\t\t\tinput a /in/sports\n"
	for _, mode := range plan.modes {
		block += fmt.Sprintf("\t\t\tendpoint %s /%s {\n\t\t\t\tsegment_duration 2s\n\t\t\t\ton_input_loss %s\n\t\t\t}\n", mode, mode, mode)
	}
	o := startOrigin(t, block+"\t\t}\n")
	target := o.url("/in/sports")
	encoder := startIndependent(t, target, 50)
	startIndependent(t, o.url("/in/control"), 50)

	playlists := map[string]*viewer{}
	for _, mode := range plan.modes {
		playlists[mode] = watch(t, o, "/"+mode)
		playlists[mode].patient.Store(true) // error answers with 404
	}
	playlists[plan.modes[0]].wait(plan.warmUp)
	control := &subject{outcome: outcome{player: hlsJS, mode: "control"}}
	control.browser = startPlayer(t, viewing{player: hlsJS, stream: o.url("/control/index.m3u8"), position: -1})
	all := []*subject{control}
	for _, mode := range plan.modes {
		for _, p := range plan.players {
			s := &subject{outcome: outcome{player: p.name, mode: mode, length: plan.length}}
			stream := o.url("/" + mode + "/index.m3u8")
			if p.browser == "" {
				s.ffmpeg = followFFmpeg(t, stream, playlists[mode], p.args...)
			} else {
				// One after the other: they ask much of a machine when they start.
				s.browser = startPlayer(t, viewing{player: p.browser, stream: stream, position: -1, options: p.options, persist: p.persist})
			}
			all = append(all, s)
		}
	}
	time.Sleep(plan.calm)

	s := span{calm: time.Now().Add(-plan.calm / 2), lost: time.Now()}
	kind.begin(encoder)
	time.Sleep(plan.length)
	s.back = time.Now()
	kind.back(encoder, target)
	time.Sleep(plan.after)
	for _, one := range all {
		one.judge(s)
		t.Logf("%s, %s: %s; errors: %.600q", one.player, one.mode, one.outcome, one.errors)
	}
	if plan.strict && (control.stopped > time.Second || !control.recovered) {
		t.Errorf("on the channel that lost nothing, the player stood still for %s: the machine is the bottleneck", control.stopped)
	}
	return outcomes(all[1:])
}
