package failover

// Restore tells an endpoint of the last slot that was published in an earlier
// life of the process: numbers go on behind it, and media that ends before it is
// not published again. It is called before the first Step. Unknown endpoints are
// ignored.
func (c *Channel) Restore(endpoint string, last Slot) {
	e := c.endpoint(endpoint)
	if e == nil {
		return
	}
	e.started = true
	e.msn = last.MSN + 1
	e.breaks = last.DiscontinuityNumber
	e.target = last.TargetDuration
	e.cursor = cursor{end: last.End}
	e.at = last.End
	e.active = c.input(last.Input)
	if e.active == nil {
		e.active = c.inputs[0]
	}
}
