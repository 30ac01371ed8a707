package channel

import (
	"errors"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/activity"
)

// Activity is what happened lately, nil unless the config asks for it. After a
// change of config, a channel that goes on taking notes has the same one.
func (c *Channel) Activity() *activity.Notes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.activity
}

// NoteRefusal tells those who look on that an upload of an input was refused or
// broke off, which the core never hears of. path is below the input's path.
func (c *Channel) NoteRefusal(input, path string, cause error) {
	var refusal *Refusal
	if errors.As(cause, &refusal) && refusal.told {
		return
	}
	notes := c.Activity()
	if notes == nil {
		return
	}
	notes.Refused(input, path, cause.Error(), func() (failover.Located, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.core.Locate(input, path, "")
	})
}
