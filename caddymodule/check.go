package caddymodule

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// The rules of single options. The Caddyfile's grammar applies them to every
// token, so that a mistake is reported with file and line; provisioning applies
// them again, for JSON.

const (
	maxNameLength      = 64
	minSegmentDuration = time.Second
	maxSegmentDuration = 30 * time.Second
	maxTimeDelay       = 24 * time.Hour
	maxStartoverWindow = 336 * time.Hour
	maxPlaylistWindow  = 24 * time.Hour
	maxGrace           = 10 * time.Minute
	maxPreferAfter     = 24 * time.Hour
	leastCapacity      = 64 << 10
	minUnlistedSize    = 64 << 10

	policySticky  = "sticky"
	policyPrefer  = "prefer"
	policyHitless = "hitless"
)

// policies are what failover_policy may be, for errors.
const policies = policySticky + ", " + policyPrefer + " or " + policyHitless

func checkName(name string) error {
	if name == "" {
		return errors.New("a name is required")
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("a name has at most %d characters", maxNameLength)
	}
	if !only(name, "-_") {
		return fmt.Errorf("a name consists of letters, digits, '-' and '_', but is %q", name)
	}
	return nil
}

// checkPath allows only paths that are their own escaped form, so that there is
// no second way to write one.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("a path is required")
	case p[0] != '/':
		return fmt.Errorf("a path begins with a slash, but is %q", p)
	case p == "/":
		return errors.New(`"/" would leave no path for anything else`)
	case p != path.Clean(p):
		return fmt.Errorf("write %q instead of %q", path.Clean(p), p)
	case !only(p, "/-._~"):
		return fmt.Errorf("a path consists of letters, digits and the characters '-._~/', but is %q", p)
	case strings.EqualFold(path.Ext(p), ".m3u8"):
		return fmt.Errorf("write the folder, not the playlist in it: %q", path.Dir(p))
	}
	return nil
}

// only reports whether s consists of letters, digits and the characters of more.
func only(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte(more, c) >= 0:
		default:
			return false
		}
	}
	return true
}

// pathSet holds the paths of one handler with what they belong to. Those of several handlers
// are compared by App.checkServers.
type pathSet map[string]string

// add checks the path and adds it, unless it overlaps another one.
func (s pathSet) add(p, owner string) error {
	if err := checkPath(p); err != nil {
		return err
	}
	for other, taken := range s {
		if err := overlap(p, other, taken); err != nil {
			return err
		}
	}
	s[p] = owner
	return nil
}

// overlap reports whether a path and another one, which is that of taken, overlap.
func overlap(p, other, taken string) error {
	switch {
	case p == other:
		return fmt.Errorf("%s is the path of %s too", p, taken)
	case strings.HasPrefix(p, other+"/"):
		return fmt.Errorf("%s is below %s, the path of %s", p, other, taken)
	case strings.HasPrefix(other, p+"/"):
		return fmt.Errorf("%s is above %s, the path of %s", p, other, taken)
	}
	return nil
}

// oneOf makes the check of an option that is a word of a list.
func oneOf[T ~string](words ...T) func(string) error {
	return func(v string) error {
		if !slices.Contains(words, T(v)) {
			return fmt.Errorf("must be one of %s, but is %q", joined(words), v)
		}
		return nil
	}
}

var (
	checkAlignment    = oneOf(failover.AlignAuto, failover.AlignTimestamp, failover.AlignProgramDateTime, failover.AlignSequence, failover.AlignArrival)
	checkOnInputLoss  = oneOf(output.Hold, output.Gap, output.Fail)
	checkVariantOrder = oneOf(output.Original, output.Ascending, output.Descending)
	checkAction       = oneOf(failover.Actions()...)
)

func checkSegmentDuration(d time.Duration) error {
	if d < minSegmentDuration || d > maxSegmentDuration {
		return fmt.Errorf("must be from %v to %v, but is %v", minSegmentDuration, maxSegmentDuration, d)
	}
	return nil
}

func checkPlaylistWindow(window, segment caddy.Duration) error {
	if time.Duration(window) > maxPlaylistWindow {
		return fmt.Errorf("must be at most %v, but is %v", maxPlaylistWindow, time.Duration(window))
	}
	if window < 3*segment {
		return fmt.Errorf("must be at least three times segment_duration (%v), but is %v",
			3*time.Duration(segment), time.Duration(window))
	}
	return nil
}

var errNotPositive = errors.New("must be greater than zero")

// about names the option that an error is about.
func about(option string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return nil
}

// ifSet checks an option that may be left out.
func ifSet[T comparable](v T, check func(T) error) error {
	var none T
	if v == none {
		return nil
	}
	return check(v)
}

func checkPositive(d time.Duration) error {
	if d <= 0 {
		return errNotPositive
	}
	return nil
}

// within makes the check of an option that has bounds: a value far outside of what makes
// sense is a slip, such as a unit that was left out.
func within[T time.Duration | int64](least, most T, show func(T) string) func(T) error {
	return func(v T) error {
		switch {
		case v <= 0:
			return errNotPositive
		case v < least || v > most:
			return fmt.Errorf("must be from %s to %s, but is %s", show(least), show(most), beside(v, show, least, most))
		}
		return nil
	}
}

// beside shows a value so that it can't be taken for a bound that it is beyond: 65535 bytes are not 64 KiB.
func beside[T time.Duration | int64](v T, show func(T) string, bounds ...T) string {
	for _, bound := range bounds {
		if text := show(v); text == show(bound) && v != bound {
			return fmt.Sprintf("%s (%d)", text, v)
		}
	}
	return show(v)
}

func sizeWithin(least, most int64) func(int64) error { return within(least, most, showSize) }

func showSize(n int64) string { return humanize.IBytes(uint64(n)) }

func durationWithin(least, most time.Duration) func(time.Duration) error {
	return within(least, most, time.Duration.String)
}

func numberWithin(least, most int64) func(int64) error {
	return within(least, most, func(n int64) string { return strconv.FormatInt(n, 10) })
}

// The bounds of sizes, numbers and durations.
var (
	checkGrace       = durationWithin(time.Millisecond, maxGrace)
	checkPreferAfter = durationWithin(time.Millisecond, maxPreferAfter)

	checkSegmentSize  = sizeWithin(1<<10, 4<<30)
	checkPlaylistSize = sizeWithin(1<<10, 64<<20)
	checkRenditions   = numberWithin(1, 1000)
	checkUploads      = numberWithin(1, 10000)
	checkUploadRate   = sizeWithin(1, 1<<30)
	checkUnlistedSize = sizeWithin(minUnlistedSize, 1<<40)
	checkCapacity     = sizeWithin(leastCapacity, 16<<40)
	checkMaxSize      = sizeWithin(64<<10, 1<<50)
	checkRollSize     = sizeWithin(1<<10, 1<<40)
	checkRollKeep     = numberWithin(1, 10000)
)

var (
	checkTimeDelay       = upTo(maxTimeDelay)
	checkStartoverWindow = upTo(maxStartoverWindow)
)

// upTo makes the check of a duration that may be zero.
func upTo(most time.Duration) func(time.Duration) error {
	return func(d time.Duration) error {
		if d < 0 || d > most {
			return fmt.Errorf("must be from 0s to %v, but is %v", most, d)
		}
		return nil
	}
}

// checkDelayInWindow: media that is shown for the first time has to be within the
// window.
func checkDelayInWindow(delay, window caddy.Duration) error {
	if window > 0 && delay >= window {
		return fmt.Errorf("must be less than startover_window (%v), but is %v", time.Duration(window), time.Duration(delay))
	}
	return nil
}

// checkInput checks that the channel has an input of this name.
func (c *Channel) checkInput(name string) error {
	if name == "" {
		return errors.New("an input is required")
	}
	if !slices.ContainsFunc(c.Inputs, func(in *Input) bool { return in.Name == name }) {
		return fmt.Errorf("the channel has no input %q", name)
	}
	return nil
}

func checkManifestName(name string) error {
	if strings.HasSuffix(name, ".m3u8") {
		return fmt.Errorf("write it without .m3u8: %q", strings.TrimSuffix(name, ".m3u8"))
	}
	if name == "" || name[0] == '.' || !only(name, "-._~") {
		return fmt.Errorf("must be a file name of letters, digits and the characters '-._~', but is %q", name)
	}
	return nil
}
