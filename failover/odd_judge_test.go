package failover

import (
	"fmt"
	"time"
)

// judge says what is wrong with the playlists themselves: EXTINF that are not the media's lengths, dates that jump,
// slots that come later than promised.
func (o *odd) judge(seams int, lost Ticks, most time.Duration) string {
	if why := o.broken(seams, lost); why != "" {
		return why
	}
	for _, ec := range o.config.Endpoints {
		used := map[string]uint64{}
		for i, s := range o.all[ec.Name] {
			for _, r := range s.Renditions {
				sum, apart := Ticks(0), Ticks(0)
				for i, part := range r.Parts {
					sum += part.Duration
					if i > 0 && s.From(part) != s.From(r.Parts[i-1]) {
						apart += 1800 // half a frame, where another input's media goes on
					}
					if at, again := used[part.Object]; again {
						return fmt.Sprintf("%s: %s in slots %d and %d", ec.Name, part.Object, at, s.MSN)
					}
					used[part.Object] = s.MSN
				}
				if len(r.Parts) > 0 && kindOf(r.Path) != Subtitles && abs(sum-r.Duration) > apart {
					return fmt.Sprintf("%s: slot %d says that %s lasts %.3f, and it lasts %.3f", ec.Name, s.MSN, r.Path, r.Duration.Seconds(), sum.Seconds())
				}
			}
			if i == 0 {
				continue
			}
			before := o.all[ec.Name][i-1]
			if d := s.Start + s.Dated - before.End - before.Dated; !s.Discontinuity && abs(d) > max(lost, 3600) && abs(s.Dated-before.Dated) < 30*ClockRate {
				return fmt.Sprintf("%s: the date of slot %d jumps by %.3f", ec.Name, s.MSN, d.Seconds())
			}
			to := Ticks(0)
			for _, r := range s.Renditions {
				if n := len(r.Parts); n > 0 && kindOf(r.Path) != Subtitles {
					to = max(to, o.holds[r.Parts[n-1].Object].to)
				}
			}
			if to == 0 || most == 0 || s.End-s.Start < (before.End-before.Start)*3/4 {
				continue // or it is a piece, which waits for the rest as long as that may be in time
			}
			end := epoch.Add(to.Duration())
			grace := ec.FailoverGrace
			if grace == 0 {
				grace = max(ec.SegmentDuration, (s.End-s.Start).Duration()) / 2
			}
			if by := s.Published.Sub(end.Add(most + max(grace, ec.TimeDelay))); by > 0 {
				return fmt.Sprintf("%s: slot %d came %s late", ec.Name, s.MSN, by)
			}
		}
	}
	return ""
}

func (o *odd) describe() string {
	return fmt.Sprintf("%v %v of %+v\n%q", o.renditions, o.texts, o.config.Endpoints, o.log)
}
