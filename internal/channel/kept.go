package channel

import (
	"fmt"
	"slices"
)

// An initialization section is sent once. In a store that ends with the process its
// bytes go into the journal of standing facts, which may outlive it: without them an
// encoder that goes on would be of no use to a restarted origin.

// maxKeptInit is the largest initialization section that is kept: most have a kB or two.
const maxKeptInit = 64 << 10

// maxKeptInits is how many bytes of them are kept for one input: a hundred times what an
// encoder needs. Beyond that, the oldest are no longer kept.
const maxKeptInits = 512 << 10

// sayInit notes which initialization section is in force. The lock is held.
func (in *input) sayInit(name string, section *initSection) {
	entry := standingInit{Input: in.name, Path: name, Key: section.part.Key}
	if !in.persistent() {
		if section.part.Size > maxKeptInit {
			return
		}
		data, err := in.objects.read(section.part)
		if err != nil {
			in.outbox.trouble(fmt.Errorf("keep initialization section: %w", err))
			return
		}
		// The same bytes are the same entry, so that one that is sent with every
		// segment is written once.
		entry.Key, entry.Data = section.init.Hash.String(), data
	}
	in.outbox.trouble(in.standing.say(standingEntry{Init: &entry}))
	in.boundKept()
}

// boundKept stops keeping the oldest initialization sections of an input that has too many.
// They stay in force; only the next process will not know them.
func (in *input) boundKept() {
	sum := 0
	list := in.standing.inOrder()
	for _, entry := range slices.Backward(list) { // the newest first
		if entry.Init == nil || entry.Init.Input != in.name {
			continue
		}
		if sum += len(entry.Init.Data); sum > maxKeptInits {
			in.outbox.trouble(in.standing.say(standingEntry{Init: &standingInit{Input: in.name, Path: entry.Init.Path}}))
		}
	}
}
