package channel

import (
	"slices"

	"github.com/liveorigin/caddy-live-origin/failover"
)

// maxDecisions is how many decisions a channel remembers.
const maxDecisions = 1000

// decisions are the last changes of an active input, the oldest first.
type decisions []failover.Switch

// remember keeps a decision; nil is none.
func (d *decisions) remember(s *failover.Switch) {
	if s == nil {
		return
	}
	if len(*d) == maxDecisions {
		*d = slices.Delete(*d, 0, 1)
	}
	*d = append(*d, *s)
}

// lastOf is the last switch of an endpoint, nil if there is none.
func (d decisions) lastOf(endpoint string) *failover.Switch {
	for _, s := range slices.Backward(d) {
		if s.Endpoint == endpoint && !s.Patched() {
			return &s
		}
	}
	return nil
}

// sort puts what the journals of several endpoints hold in order.
func (d decisions) sort() {
	slices.SortStableFunc(d, func(a, b failover.Switch) int { return a.Time.Compare(b.Time) })
}
