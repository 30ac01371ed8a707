package failover

import "time"

// The rule's fixed numbers, each with its reason.
const (
	// downSegments: an input is down when it has delivered nothing for this many of its
	// segments. One is jitter, two are a retry. The state is only shown.
	downSegments = 3
	// liveSlots: a rendition is live if an input has delivered it within this many slots.
	// Fewer would give up a track over a brief network problem, more would make every slot
	// late for longer when it has died.
	liveSlots = 3
	// unstableBreaks in the last unstableSlots make the active input unstable. A programme
	// with discontinuities of its own has one or two in ten slots.
	unstableBreaks, unstableSlots = 3, 10
	// forgottenAfter is how many of the input's segments may pass while a rendition
	// lists nothing new before it is taken for gone.
	forgottenAfter = 10
	// soleAfter is for how many segments a writer has to be alone on an input's path
	// before the input is whole again.
	soleAfter = 3

	// protectionSlots is after how many slots a hitless endpoint is expected to be
	// protected: encoders that are started by hand do not start at the same moment.
	protectionSlots = 3

	// lastingSlots: a defect that has lasted this many slots is worth a discontinuity. A
	// cut or a burst of losses is over by then.
	lastingSlots = 3
	// exactBefore is after how many correct EXTINF a wrong one is taken as a sign of
	// missing media. Many encoders round it.
	exactBefore = 3
	// exactAmong is how many segments are looked at for that.
	exactAmong = 16
	// slowOver is for how long an input has to fall behind, and slowLost by how much, to be
	// slow: 0.98 s of media per second. Encoder clocks differ by less than a thousandth of
	// that.
	slowOver = 60 * ClockRate
	slowLost = slowOver * 2 / 100
	// slowBeats is how many arrivals are remembered for it, slowStep how often it is
	// looked at, slowAgain how long an endpoint stays where it went for it.
	slowBeats = 160
	slowStep  = time.Second
	slowAgain = time.Minute

	// longestUnsound times the target duration is the longest segment that an endpoint
	// takes once it has begun. Players buffer three target durations.
	longestUnsound = 3
	// longestSegment is far more than any encoder intends. What claims to be longer has
	// timestamps that jump in the middle.
	longestSegment = 10 * 60 * ClockRate
	// longestFrame bounds the frame length that is believed: media may overlap by half of
	// it. Text samples are longer, but times are not measured by them.
	longestFrame = ClockRate
	// longestClaim bounds how far EXTINF and EXT-X-TARGETDURATION are believed before
	// anything was measured: the longest segment that an endpoint can ask for.
	longestClaim = 30 * ClockRate
	// longestHole is how many numbers an encoder may skip and still be in the same run:
	// half an hour out of reach, with segments of 2 s. After more than that it has
	// restarted its numbering, as encoders do that start from the time of day. If it has
	// not, its timestamps show it.
	longestHole = 1000
	// longestList is how many entries of a playlist are read, the newest ones: more than
	// any encoder that pushes to an origin keeps.
	longestList = 2048
	// bindsAtOnce is how many objects that came before their playlist are given to their segments with
	// one fact, slotsAtOnce how many slots an endpoint decides: after an outage there may be thousands,
	// and others wait while the channel takes a fact.
	bindsAtOnce, slotsAtOnce = 16, 8
	// expiredAtOnce is how many objects that no playlist listed are forgotten at once.
	expiredAtOnce = 128
	// listedAtOnce is how many segments an encoder lists at once of which every second playlist is lost.
	listedAtOnce = 2
	// relisted is how many known entries of a playlist are looked at again. What is further
	// back has been dealt with, and costs nothing.
	relisted = 64
	// maxJoined bounds what an encoder with absurdly short segments can ask for: 30 s
	// of segments of half a second.
	maxJoined = 60
	// maxRenditions bounds what is kept of one input, whatever it lists.
	maxRenditions = 256

	// plausible is how far the lateness of two inputs may differ before an agreement of
	// their timestamps, dates or numbers is taken for a coincidence.
	plausible = 10 * ClockRate
	// ownStart: an encoder whose first timestamp is below this counts from its own
	// start. Two of those agree by coincidence if they were started together.
	ownStart = 10 * ClockRate
	// hourStart is what some count from instead of zero, as GStreamer's multiplexer does, to have room
	// for what comes before.
	hourStart = 3600 * ClockRate
	// beside is how far apart the clocks of two inputs are kept that agree by coincidence: the least that
	// there is, as nothing better is known about where their media lies.
	beside = Ticks(1)
	// datesTrusted is how far dates may be from the clock and still say when media
	// happened. Clocks kept by NTP differ by milliseconds, a wrong time zone is off by half
	// an hour at least.
	datesTrusted = 60 * ClockRate
	// datesJump is by how much dates differ that have jumped within a run: more than what encoders round,
	// and their clocks drift, from slot to slot.
	datesJump = ClockRate
	// datesBelieved is how far dates may be from the clock and still be passed on.
	datesBelieved = 24 * 3600 * ClockRate

	// waitingAge is how long an object waits for a playlist that lists it. Encoders
	// send the playlist within a segment's length; the longest allowed is 30 s.
	waitingAge = 2 * time.Minute
	// waitingObjects bounds how many objects of an input wait at a time.
	waitingObjects = 4096
	// history is how many used segments of a rendition are remembered, without
	// their bytes: to compare inputs, and to tell an old playlist from a new one.
	history = 16
	// noticeAgain is how long a notice about an input is not repeated.
	noticeAgain = 10 * time.Minute
	// multivariantWait bounds how long an encoder that has sent no multivariant
	// playlist is waited for, once.
	multivariantWait = 2 * time.Second
	// announcedLeast and announcedMost bound how long the first slot waits for audio that was announced:
	// three of the video's segments, as its own may be longer, and 6 s is a usual length.
	announcedLeast, announcedMost = 6 * time.Second, 10 * time.Second

	// shortestSlot bounds into how many given-up slots a lost second can be cut.
	shortestSlot = ClockRate / 10
	// longestFill is how much lost time is listed as gaps at once. More than that means
	// that a clock was set, or that a channel comes back after a long time.
	longestFill = 10 * 60 * ClockRate

	// faster and slower bound how far the channel's clock follows its inputs, in a second: clocks of
	// encoders differ from the origin's by some 50 millionths, which makes four seconds in a day. It
	// follows inputs that come earlier more readily, as it holds back what is ahead of it; a file that
	// is sent faster than it plays is still held back.
	faster = ClockRate / 500
	slower = ClockRate / 10000
	// paceStep is how often it does so, at most.
	paceStep = ClockRate
	// driftStep is how much drift is reported at a time.
	driftStep = ClockRate / 2
	// knownLengths is how many segments of a run show whether its segments differ in length: of more, the
	// gaps after a real loss would come late too often.
	knownLengths = 3
	// compareDepth is how many segments of each rendition have to agree.
	compareDepth = 3
)
