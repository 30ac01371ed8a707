package caddymodule

import (
	"encoding/json"
	"regexp"
)

// checkOthers compares the store and the channels with those of the same name in other blocks of the
// Caddyfile, which are the same store and the same channel.
func (b *block) checkOthers(id string, e Engine) error {
	options := optionsOf(e)
	if other, ok := b.file.engines[id]; ok && other != options && !undecided(options, other) {
		return b.stored.Errf("store %s has other options in another live_origin block", e.CaddyModule().ID.Name())
	}
	b.file.engines[id] = options
	for _, c := range b.channels {
		key, written := channelKey{store: id, name: c.name}, c.channel.written()
		if other, ok := b.file.channels[key]; ok && other != written {
			return c.at.Errf("channel %s has other options in another live_origin block: write it once, and import it", c.name)
		}
		b.file.channels[key] = written
	}
	return nil
}

// optionsOf are those of an engine that has not been provisioned.
func optionsOf(e Engine) string {
	if m, ok := e.(*MemoryStore); ok {
		e = &MemoryStore{Capacity: m.limit()}
	}
	text, _ := json.Marshal(e) // it has only what a Caddyfile can say
	return string(text)
}

var placeholderForm = regexp.MustCompile(`\{[^{}"]+\}`)

// undecided reports whether options that differ may turn out to be the same when the config is loaded.
func undecided(a, b string) bool {
	return placeholderForm.MatchString(a) || placeholderForm.MatchString(b)
}

// written is the channel as text, with defaults filled in. Its trace is left out: there are several
// ways to write the name of one file.
func (c *Channel) written() string {
	text, _ := json.Marshal(c)
	var complete Channel
	_ = json.Unmarshal(text, &complete) // the text is its own
	complete.Trace = nil
	complete.setDefaults()
	text, _ = json.Marshal(complete)
	return string(text)
}
