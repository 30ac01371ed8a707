package output

import (
	"github.com/liveorigin/caddy-live-origin/failover"
)

// The dates of an encoder whose clock is far off are passed on to viewers as they are, so that in a window
// they may jump ahead and fall back: where such an encoder is on air for a while, or its clock is set. All
// that is counted goes by the channel's clock instead, also how long a window is; only what a viewer asks
// for is a date.

// datedAt is how far the dates among which a viewer's is are ahead of the channel's clock: those of the
// newest slots around it, else those that come nearest to it.
func (v *View) datedAt(date failover.Ticks) failover.Ticks {
	dated, nearest := failover.Ticks(0), failover.Ticks(-1)
	for i, end := len(v.eras), len(v.slots); i >= 0; i-- {
		first := 0
		if i > 0 {
			first = int(v.eras[i-1].MSN - v.slots[0].MSN)
		}
		apart := max(v.slots[first].Start-date, date-v.slots[end-1].End+1, 0)
		if nearest < 0 || apart < nearest {
			dated, nearest = v.slots[first].Dated, apart
		}
		end = first
	}
	return dated
}
