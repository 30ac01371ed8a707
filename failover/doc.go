/*
Package failover decides what viewers see: it turns what the encoders of a
channel delivered, and the time, into the slots of the channel's endpoints, and
explains every decision. It does no I/O, has no clock, starts no goroutine and
needs nothing but the standard library: a Channel is a state machine.

	effects := channel.Step(now, fact)
	wake, ok := channel.Deadline()

Step takes in a fact (an object arrived whole, a playlist says this) or only the
time (Tick), and returns what is to be done: publish a slot, tell the operator.
Deadline says when time alone will change something. Whoever drives the channel
carries out the effects in order, and calls Step no later than the deadline.

# Words

An input is one of the channel's encoders, a rendition one media playlist with
its segments. An endpoint is one output, with its own segment length and its own
active input. A slot is one position of an endpoint's timeline: the output
segment with this media sequence number, the same in all renditions, made of n
whole input segments of one input. A generation is one unbroken run of an
encoder: a restart, a jump of timestamps, EXT-X-DISCONTINUITY and a change of
codec or track layout begin a new one, and no slot holds media of two.

# The rule

For an endpoint with active input A, the next slot k is decided so. Every input i
has its own deadline for it:

	deadline(k, i) = due(k, i) + max(FailoverGrace, TimeDelay)

where due(k, i) is the end of the slot's media on the channel's clock plus the
median lateness with which the input's last segments arrived: its own rhythm. An
input that is steadily later than another one is not missing anything.

 1. A is whole for k: every rendition that it announces has all its segments of
    the slot, complete and sound. The slot is published from A at once, or when
    its time delay is over.
 2. A is not whole at its deadline: another input that is whole takes over at
    once, becomes the active one and stays so. If none is whole yet, but one is up
    and before its own deadline, it is awaited. If A can never deliver k (it
    ended, or broke into a new generation) the change does not wait for A's
    deadline.
 3. The slot is given up when every input that is up has passed its own deadline.
    What still arrives for it is published as long as nothing later was, in
    pieces if need be, so that nothing is lost that any input delivered.

An input is down when it has delivered nothing for three of its segments. A
rendition that all inputs have missed for three slots is no longer waited for
until it comes back; a slot that no input has in all renditions is published
with a gap in those that are missing, if the reference rendition (video) is
there.

A slot continues the one before without a discontinuity only by proof: the same
clock, the same track layout and codec configuration, and media that begins
within half a frame of where the last ended, in every rendition. Otherwise the new
input enters with its first segment that starts at or after the end of the last
published slot, and the slot is marked as a discontinuity in all renditions.

# One clock

Timestamps are unwrapped per generation, and every generation gets an offset to
the channel's clock, which counts 90 kHz ticks of Unix time. The offset is found,
in this order, by equal timestamps and segment boundaries of another input, by
timestamps that go on where the input's last generation ended, by
EXT-X-PROGRAM-DATE-TIME, by equal timestamps with other boundaries, by media
sequence numbers, or by the time of arrival. It stays as it is once a slot was
published from the generation.

# Where to look

timeline.go takes playlists and objects in, generation.go and align.go put them
on the clock, pair.go compares inputs, candidate.go says what an input has for a
slot, endpoint.go is the rule, salvage.go makes the best of slots that were given up,
publish.go carries decisions out and explains them, retention.go forgets, restore.go
goes on after a restart of the process. The scenarios in testdata read like a specification; see
testdata/README.md.
*/
package failover
