package channel

// link is the place of a record in the history of an endpoint that several nodes share.
// Each record names the one before, so that two histories can be told apart.
type link struct {
	// Number counts the records of the history, from 1.
	Number uint64 `json:"number"`
	// ID is different for any two records, Before the ID of the record before.
	ID     string `json:"id"`
	Before string `json:"before,omitempty"`
	// Node decided it, in the run that Writer stands for: a node that was started again is not
	// the one that decided.
	Node   string `json:"node"`
	Writer string `json:"writer"`
}

// linksKept is how many of the last records are remembered, to see where histories part. Those
// before are in the journal.
const linksKept = 128

// chain is the history of an endpoint as this node has it.
type chain struct {
	last link
	// recent are the last records, the oldest first; the last one is that of last.
	recent []record
}

// add puts a record at the end.
func (c *chain) add(r record) {
	if r.Link == nil {
		return
	}
	if !c.continuedBy(*r.Link) {
		c.recent = nil // another history, or a stretch of it that is not known
	}
	c.last = *r.Link
	c.recent = append(c.recent, r)
	if len(c.recent) > 2*linksKept {
		c.recent = append([]record(nil), c.recent[linksKept:]...)
	}
}

// continuedBy reports whether a link is the next one of this history, or the first one that is known.
func (c *chain) continuedBy(l link) bool {
	return c.last.ID == "" || l.Number == c.last.Number+1 && l.Before == c.last.ID
}

// at returns the record of this number, nil if it is not remembered.
func (c *chain) at(number uint64) *record {
	if len(c.recent) == 0 {
		return nil
	}
	first := c.recent[0].Link.Number
	if number < first || number > c.last.Number {
		return nil
	}
	return &c.recent[number-first]
}

// relation is how a record relates to a history.
type relation int

const (
	follows  relation = iota // it is the next one
	known                    // it is part of the history
	ahead                    // there is something between
	elsewise                 // it belongs to another history
	tooOld                   // it is older than what is remembered
)

// relate says how a link relates to the history.
func (c *chain) relate(l link) relation {
	switch {
	case l.Number == c.last.Number+1 && l.Before == c.last.ID:
		return follows
	case l.Number == c.last.Number+1:
		return elsewise
	case l.Number > c.last.Number:
		return ahead
	}
	mine := c.at(l.Number)
	switch {
	case mine == nil:
		return tooOld
	case mine.Link.ID == l.ID:
		return known
	}
	return elsewise
}

// cut drops the records from the place of another one on, which can follow then.
func (c *chain) cut(at link) {
	if len(c.recent) == 0 {
		return
	}
	first := c.recent[0].Link.Number
	if at.Number <= first {
		c.recent, c.last = nil, link{Number: at.Number - 1, ID: at.Before}
		return
	}
	c.recent = c.recent[:min(at.Number-first, uint64(len(c.recent)))]
	c.last = *c.recent[len(c.recent)-1].Link
}
