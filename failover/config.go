package failover

import (
	"fmt"
	"slices"
	"time"
)

// configure applies options. Inputs and endpoints keep their state by name; what was
// published stays.
func (c *Channel) configure(config Config) {
	if config.MaxBacklog <= 0 {
		config.MaxBacklog = 10 * time.Minute
	}
	c.config = config
	var inputs []*input
	for _, name := range config.Inputs {
		in := c.input(name)
		if in == nil {
			in = newInput(c, name)
		}
		inputs = append(inputs, in)
	}
	old := c.inputs
	c.inputs = inputs
	for _, in := range old {
		if !slices.Contains(inputs, in) {
			c.remove(in)
		}
	}
	c.pairUp()
	var endpoints []*endpoint
	for _, ec := range config.Endpoints {
		e := c.endpoint(ec.Name)
		if e == nil {
			e = &endpoint{channel: c, marks: map[string]mark{}, added: c.now, floors: c.floors()}
		}
		e.config = ec
		endpoints = append(endpoints, e)
	}
	c.endpoints = endpoints
}

// remove takes an input out of the channel. An endpoint that is on it finds nothing at its
// next slot, and goes on with another input.
func (c *Channel) remove(in *input) {
	for _, r := range in.renditions {
		for _, s := range r.segments {
			if !s.passed {
				c.release(s.object)
			}
		}
	}
	for _, w := range in.waiting {
		c.release(w.ID)
	}
	for _, e := range c.endpoints {
		e.leave(in)
		if e.wanted != in.name {
			continue
		}
		what := "the order for input " + in.name
		if e.pinned {
			what = "the pin on input " + in.name
		}
		e.wanted, e.pinned = "", false
		c.emit(Noticed{
			Time: c.now, Endpoint: e.config.Name, What: NoticeOrderDropped,
			Detail: fmt.Sprintf("%s is dropped: it was taken out of the config", what),
		})
	}
}

// leave forgets how far the endpoint has got in the timeline of an input: should one of that name be
// added again, its runs and numbers begin anew.
func (e *endpoint) leave(in *input) {
	if e.cursor.input == in.name {
		e.cursor.generation = 0
	}
	for path, m := range e.marks {
		if m.input == in.name {
			m.input, m.run, m.number = "", 0, 0
			e.marks[path] = m
		}
	}
}

func (c *Channel) pairUp() {
	old := c.pairs
	c.pairs = nil
	for i, a := range c.inputs {
		for _, b := range c.inputs[i+1:] {
			p := &pair{channel: c, a: a, b: b, state: Unaligned}
			for _, o := range old {
				if o.a == a && o.b == b {
					p = o
				}
			}
			c.pairs = append(c.pairs, p)
		}
	}
}

// resume credits every input with the time that passed while the process was away.
func (c *Channel) resume(now time.Time) {
	for _, e := range c.endpoints {
		e.resumed, e.recalled = now, time.Time{}
	}
	for _, in := range c.inputs {
		if !in.up {
			continue
		}
		away := now.Sub(in.lastSound)
		in.lastSound = now
		for _, r := range in.renditions {
			// Or it would look as if all of them had fallen behind their input.
			if !r.lastSound.IsZero() {
				r.lastSound = r.lastSound.Add(away)
			}
		}
	}
}
