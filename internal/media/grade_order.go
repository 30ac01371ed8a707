package media

// Gap is how much later the object begins than the graded one ends, below zero if it begins
// earlier. It is false for objects that can't be of one run.
func (g *Graded) Gap(info *Info) (ticks int64, ok bool) {
	if info.Untimed || g.format != info.Format || g.modulus != info.Modulus || g.initID != info.InitID {
		return 0, false
	}
	return after(g.end, info.Start, info.Modulus), true
}

// Length of the graded object.
func (g *Graded) Length() int64 { return g.end - g.start }

// Alike reports whether the object has the same tracks, with pictures of the same size. A
// segment of another rendition may follow just as well in time.
func (g *Graded) Alike(info *Info) bool {
	n := 0
	for i := range info.Tracks {
		t := &info.Tracks[i]
		if !t.graded() || t.Samples == 0 {
			continue
		}
		n++
		if p := g.track(t); p == nil || t.Width > 0 && p.width > 0 && (p.width != t.Width || p.height != t.Height) {
			return false
		}
	}
	return n > 0 && n == len(g.tracks)
}
