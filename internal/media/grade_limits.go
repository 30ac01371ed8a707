package media

// What is bad enough to be told, and why there. docs/good-media.md explains the same
// to operators, with what was measured.
const (
	// maxGraded is how many tracks of an object are graded. More of them are in no
	// rendition, but an encoder may send anything.
	maxGraded = 16

	// knownAfter is how many objects of a run have to be known before something is
	// said that only a comparison with them shows. Of fewer objects a habit, such as
	// pictures at uneven distances, can't be told from an accident.
	knownAfter = 3

	// evenSteps is how many steps of a video track have to be known before a hole in it
	// is told: 16 s of 25 frames a second. Video whose frame rate varies may begin
	// evenly; audio never has a variable frame rate.
	evenSteps = 400
	// unevenShare: a track in which more than one of so many objects has long steps
	// is one of a variable frame rate. Encoders that lose pictures in a quarter of all
	// segments are left to their operators.
	unevenShare = 4
	// unevenSteps: an object in which more than one of so many steps is long has a
	// variable frame rate by itself.
	unevenSteps = 8
	// unevenKnown is how many objects have to be known of a track with a variable
	// frame rate before anything in it is a hole, and unevenTimes how many times longer
	// than the longest step in them a hole has to be. Such steps have a long tail:
	// a picture that stands still for longer than ever is no hole.
	unevenKnown = 16
	unevenTimes = 3

	// endsEarly is how much earlier than usual a track may end before the others: half
	// a second. Multiplexers write audio some 100 to 700 ms behind the video, and
	// always the same; each track may end up to a frame early.
	endsEarly = ClockRate / 2

	// keyKnown is how many objects have to be known before one is missed that begins
	// with a random access point, and keyPercent how many of them have to. With key
	// frames in every other segment nothing is missing.
	keyKnown   = 8
	keyPercent = 75

	// starvedPart: the bit rate is under this part of its median over starvedKnown
	// objects or more, in starvedObjects objects in a row. A rate of a tenth is seen in
	// no programme, but in black and in test cards.
	starvedPart    = 10
	starvedKnown   = 8
	starvedObjects = 2

	// standsStill is after how long a picture that does not move, and silence, are
	// told: longer than pauses of speech and than stills of a programme.
	standsStill = 5 * ClockRate
	// mostStill is as long as it is counted, a day.
	mostStill = 24 * 3600 * ClockRate
	// stillShare is how many percent of an object have to be stretches of pictures of
	// nearly no size; the rest is what encoders add to a still picture after each key
	// frame.
	stillShare = 60
	// smallShare is how many percent of the pictures have to be of nearly no size where
	// an encoder never stops to add, and smallUsual how many at most are so as a rule, in
	// smallKnown objects or more. In a screen with a mouse pointer most of them always are.
	smallShare = 60
	smallUsual = 10
	smallKnown = 8
	// silentShare is how many percent of the frames have to be silence.
	silentShare = 95

	// jump is how far timestamps have to be away from where they should be before
	// it is another run rather than a hole, where the objects are shorter.
	jump = ClockRate
)
