package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// allDefects stands for the defects that are not named.
const allDefects = "all"

// OnDefect says what a defect of the active input's media leads to, by its name: `hole`,
// `track_gone`, `damaged`, `repeated`, `no_key_frame`, `starved`, `frozen`, `silent` or
// `slow`; `all` is for those that are not named.
//
// `switch`: an input that has the segment with fewer defects takes over, at once where
// viewers do not notice, and after three segments where it costs a discontinuity.
// `report`: the defect is shown and counted. `off`: the endpoint ignores it.
type OnDefect map[string]string

// check checks names and actions.
func (o OnDefect) check() error {
	for name, action := range o {
		if err := checkOnDefect(name, action); err != nil {
			return err
		}
	}
	return nil
}

func checkOnDefect(name, action string) error {
	if name != allDefects && !slices.Contains(failover.Defects(), failover.Defect(name)) {
		return fmt.Errorf("there is no defect %q, only %s", name, joined(failover.Defects()))
	}
	return checkAction(action)
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// actions are those that differ from the defaults.
func (o OnDefect) actions() map[failover.Defect]failover.Action {
	list := map[failover.Defect]failover.Action{}
	for _, d := range failover.Defects() {
		action, named := o[string(d)]
		if all := o[allDefects]; !named && all != "" && all != string(failover.ActSwitch) {
			action, named = all, true
		}
		if named && failover.Action(action) != d.DefaultAction() {
			list[d] = failover.Action(action)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// unmarshal reads what follows on_defect: [<defect>] <action>.
func (o *OnDefect) unmarshal(d *caddyfile.Dispenser, owner string) error {
	args := d.RemainingArgs()
	name := allDefects
	switch len(args) {
	case 1:
	case 2:
		name, args = args[0], args[1:]
	default:
		return d.Errf("%s: on_defect: write on_defect [<defect>] %s", owner, strings.ReplaceAll(joined(failover.Actions()), ", ", "|"))
	}
	if err := checkOnDefect(name, args[0]); err != nil {
		return d.Errf("%s: on_defect: %w", owner, err)
	}
	if *o == nil {
		*o = OnDefect{}
	}
	if _, twice := (*o)[name]; twice {
		return d.Errf("%s: on_defect is given twice for %s", owner, name)
	}
	(*o)[name] = args[0]
	return nil
}
