package failover

// Score says how good the slot is, from 0 (nothing to show) to 100, for CDNs that compare
// origins by it: missing media counts by its share of the renditions, and each kind of
// defect once.
func (s Slot) Score() int {
	if len(s.Renditions) == 0 {
		return 0
	}
	gaps, worst := 0, map[Defect]bool{}
	for _, r := range s.Renditions {
		if r.Gap() {
			gaps++
		}
		for _, d := range r.Defects {
			worst[d] = true
		}
	}
	score := 100 - 100*gaps/len(s.Renditions)
	for d := range worst {
		score -= defectWeight(d)
	}
	return max(score, 0)
}

// defectWeight is what a defect takes off the score: more for what everyone notices, less
// for what may be the programme.
func defectWeight(d Defect) int {
	switch d {
	case DefectHole, DefectTrackGone, DefectDamaged, DefectRepeated:
		return 30
	case DefectNoKeyFrame, DefectSlow:
		return 15
	}
	return 10
}
