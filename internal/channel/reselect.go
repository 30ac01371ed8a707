package channel

import (
	"fmt"
	"slices"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// reselect tells the core which renditions an endpoint serves, wherever that has
// changed. The channel's lock is held.
func (c *Channel) reselect() {
	for _, ec := range c.config.Endpoints {
		e := c.endpoints[ec.Name]
		excluded, err := ec.Excluded(c.announced())
		if err != nil && e.selectionTrouble != err.Error() {
			c.outbox.trouble(c.name, fmt.Errorf("endpoint %s: %w", ec.Name, err))
		}
		e.selectionTrouble = ""
		if err != nil {
			e.selectionTrouble = err.Error()
		}
		if slices.Equal(excluded, e.excluded) {
			continue
		}
		e.excluded = excluded
		c.step(failover.Selection{Endpoint: ec.Name, Excluded: excluded})
	}
}
