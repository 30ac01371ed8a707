package channel

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/liveorigin/caddy-live-origin/internal/output"
)

// An initialization section is sent once. In a store that ends with the process its
// bytes go into the journal of standing facts, which may outlive it: without them an
// encoder that goes on would be of no use to a restarted origin.

// maxKeptInit is how large an initialization section is kept: a kB or two, as a rule.
const maxKeptInit = 64 << 10

// maxKeptInits is how much of them is kept of one input, in bytes: a hundred times what an
// encoder needs. The oldest are no longer kept then.
const maxKeptInits = 512 << 10

// sayInit notes which initialization section is in force. The lock is held.
func (c *Channel) sayInit(input, name string, section *initSection) {
	entry := standingInit{Input: input, Path: name, Key: section.part.Key}
	if !c.persistent() {
		if section.part.Size > maxKeptInit {
			return
		}
		data, err := c.readPart(section.part)
		if err != nil {
			c.outbox.trouble(c.name, fmt.Errorf("keep initialization section: %w", err))
			return
		}
		// The same bytes are the same entry, so that one that is sent with every
		// segment is written once.
		entry.Key, entry.Data = section.init.Hash.String(), data
	}
	c.trouble(c.standing.say(standingEntry{Init: &entry}))
	c.boundKept(input)
}

// boundKept no longer keeps the oldest initialization sections of an input that has too
// many. They stay in force; only the next process would not know them.
func (c *Channel) boundKept(input string) {
	sum := 0
	list := c.standing.inOrder()
	for _, entry := range slices.Backward(list) { // the newest first
		if entry.Init == nil || entry.Init.Input != input {
			continue
		}
		if sum += len(entry.Init.Data); sum > maxKeptInits {
			c.trouble(c.standing.say(standingEntry{Init: &standingInit{Input: input, Path: entry.Init.Path}}))
		}
	}
}

func (c *Channel) readPart(p output.Part) ([]byte, error) {
	object, err := c.store.Open(context.Background(), p.Key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	data := make([]byte, p.Size)
	if n, err := object.ReadAt(data, p.Offset); n < len(data) {
		return nil, err
	}
	return data, nil
}

// putBack makes an object of an initialization section that was kept.
func (c *Channel) putBack(ctx context.Context, s *standingInit) (key string, err error) {
	key = c.objects.key(s.Input)
	w, err := c.store.Create(ctx, key, int64(len(s.Data)))
	if err != nil {
		return "", err
	}
	defer w.Abort()
	if _, err := w.ReadFrom(bytes.NewReader(s.Data)); err != nil {
		return "", err
	}
	if err := w.Commit(); err != nil {
		return "", err
	}
	c.objects.add(key, int64(len(s.Data)))
	return key, nil
}
