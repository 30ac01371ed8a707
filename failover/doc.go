/*
Package failover decides what viewers see: it turns what the encoders of a
channel delivered, and the time, into the slots of the channel's endpoints, and
explains every decision. It does no I/O, has no clock, starts no goroutine and
needs nothing but the standard library: a Channel is a state machine.

	told := channel.Take(now, fact)
	for {
		d := channel.Decide(now, endpoint)
		if d.Slot == nil {
			break // nothing to do before d.Wait or the next fact
		}
		keep(d.Slot)
		told = append(told, channel.Commit(now, *d.Slot)...)
	}

Take is the only way in: what encoders deliver, orders, options, slots from before a restart and
the passing of time are all facts. Decide is a question: it says what an endpoint is to do and
changes nothing. Commit is the act: it puts a slot on the endpoint's timeline, whoever decided
it. Between the two, the slot is persisted, so that viewers never see what a restart would forget.
Deadline says when time alone will change an answer.

# Words

An input is one of the channel's encoders, a rendition one media playlist with
its segments. An endpoint is one output, with its own segment length and its own
active input. A slot is one position of an endpoint's timeline: the output
segment with this media sequence number, the same in all renditions, made of n
whole input segments of one input, or of several that are locked. A run is one start of an
encoder; what is delivered once more while it goes on, because something on the way held it, is
no new one. A generation is
an unbroken stretch of media: a new run, a jump of timestamps, EXT-X-DISCONTINUITY and
a change of codec or track layout begin a new one, and no slot holds media of two. A
rendition is live if an input has delivered it within the last three slots.

# The rule

For an endpoint with active input A, the next slot k is decided as follows. Every input i has
its own deadline for it:

	deadline(k, i) = due(k, i) + max(FailoverGrace, TimeDelay)

where due(k, i) is the end of the slot's media on the channel's clock plus the median lateness
with which the input's last segments arrived: its own rhythm. An input that is consistently
later than another one is not missing anything.

 1. A is whole for k: every live rendition that it announces has all its segments of the slot,
    complete and sound. The slot is published from A at once, or when its time delay is over.
    Where it costs a discontinuity, an input that continues without one comes first, and one
    that may yet do so is waited for until its own deadline. An input that breaks in three of
    ten slots is abandoned.
 2. A is not whole at its deadline: another input that is whole takes over at once, becomes the
    active one and stays so, if it has more renditions than A or A lacks the video. If none is
    whole yet, but one is up and within its own deadline, it is waited for. Only what makes it
    certain that A can never deliver k (it ended, broke into a new generation, or is gone from
    the config) brings the change forward; silence does not.
 3. The slot would be given up when every input that is up has passed its own deadline. If
    several locked inputs have it together, it is made from all of them, segment by segment and
    rendition by rendition (the union), and A stays. Else, if one has the video, that is
    published with gaps in the rest. Else the playlist is held, or a gap is listed; what still
    arrives for a slot that was held is published as long as nothing later has been, in pieces
    if need be, so that nothing is lost that any input delivered.

A hitless endpoint takes the slot from whichever input has it whole first, if it continues
without a discontinuity: that input lends it, and A stays until it has missed the deadline of
what was lent.

Media that arrived is not always good. Where the active input's is not, another input that has
it with fewer defects comes first: at once if it continues without a discontinuity, after three
slots if it does not. After an outage, when every deadline has passed, bad media is held for one
grace, for an input that may be about to send its own. What is bad everywhere causes no switch.

Between options the order is always the same, and is in one function
(option.better): whole before picture-only before nothing, without a discontinuity before
with one, more renditions, fewer defects, the active input, the order of the config.

A slot continues the one before without a discontinuity only by proof: the same
clock, the same track layout and codec configuration, and media that begins
within half a frame of where the last ended, in every rendition. Otherwise the new
input enters with its first segment that starts at or after the end of the last
published slot, and the slot is marked as a discontinuity in all renditions.

Text never leads the video: its segments go with the slots that they fall into, or into
a later one if they come late, and it makes no slot late.

# One clock

Timestamps are unwrapped per generation, and every generation gets an offset to the channel's
clock, which counts 90 kHz ticks of Unix time. The offset is found from the generation's first
segment, in this order: equal timestamps and segment boundaries of another input, timestamps
that continue where the input's last generation ended, EXT-X-PROGRAM-DATE-TIME, equal timestamps
with other boundaries, media sequence numbers, the time of arrival. It stays; later segments
verify it, and contradictions are reported. Of encoders that start together one may send its
audio first and another its video: then the first segment that can be compared counts as the
first.

Nothing that one input says is believed against the clock and the other inputs: dates that are a
minute off are passed on but decide nothing, media ahead of time is published at the clock's
pace, lengths come from sound media. The time that Take is told only elapses. When the wall
clock is set, that is a fact, too, and moves no deadline.

# Where to look

	channel.go, config.go    the door: facts in, decisions out
	input.go, arrival.go,
	waiting.go,
	rendition.go, lengths.go,
	renditions_apart.go      what inputs listed and delivered
	run.go, succession.go,
	writers.go               the same run, a new one or another encoder, and why
	place.go, text.go        where media lies
	dates.go                 what viewers are told of when it happened
	generation.go, align.go,
	number.go, match.go      its clock; pace.go that of the channel
	pair.go                  how inputs stand to each other
	option.go, complete.go,
	covers.go                what an input has for a slot
	rank.go                  the order, and the rule
	grade.go, ends.go,
	tempo.go, score.go       what is bad about media
	union.go, hitless.go     what locked inputs have together, and lend each other
	decide.go, giveup.go, rewind.go,
	next_slot.go             the question, and what is left when a slot is given up
	burst.go                 what comes at once after an outage
	propose.go, seam.go,
	endpoint.go              the answer, whether it has a seam, and its commit
	added.go                 where an endpoint begins that is added
	adopt.go                 slots that another node decided
	policy.go, words.go      every number with its reason, every word

The scenarios in testdata read like a specification; see testdata/README.md.
*/
package failover
