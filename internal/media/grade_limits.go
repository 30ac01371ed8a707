package media

// What is bad enough to report, and why. docs/good-media.md explains the same to operators,
// with measurements.
const (
	// maxGraded is how many tracks of an object are graded. No rendition has more, but an
	// encoder may send anything.
	maxGraded = 16

	// knownAfter is how many objects of a run have to be known before something is reported
	// that only a comparison with them shows. With fewer objects a habit, such as pictures
	// at uneven intervals, can't be told from an accident.
	knownAfter = 3

	// habitAfter is how many objects of a run are learned from in any case, be they good or
	// bad in comparison: a habit that only every fifth object shows is seen by then.
	habitAfter = 8
	// lastingObjects is how many objects in a row have to be bad in comparison before that is
	// taken for the way in which the run goes on: four minutes of segments of 2 s. One object
	// in rarely, or fewer, may be bad for ever.
	lastingObjects = 4 * recentObjects
	rarely         = 4

	// evenSteps is how many steps of a video track have to be known before a hole in it is
	// reported: 16 s at 25 frames/s. Video with a variable frame rate may start out even;
	// audio never has a variable frame rate.
	evenSteps = 400
	// unevenShare: a track in which more than one in this many objects has long steps has a
	// variable frame rate. Encoders that lose pictures in a quarter of all segments are
	// left to their operators.
	unevenShare = 4
	// unevenSteps: an object in which more than one in this many steps is long has a
	// variable frame rate in itself.
	unevenSteps = 8
	// unevenKnown is how many objects have to be known of a track with a variable
	// frame rate before anything in it is a hole, and unevenTimes how many times longer
	// than the longest step in them a hole has to be. Such steps have a long tail:
	// a picture that stands still for longer than before is no hole.
	unevenKnown = 16
	unevenTimes = 3

	// roundedFrames, or a roundedPart of the object if that is more, is how far timestamps may
	// step back: encoders round. Anything more is media that was there before.
	roundedFrames = 2
	roundedPart   = 50
	// reorderedFrames is how far they step back at most where a multiplexer writes no decoding
	// timestamps: no codec puts a picture further ahead of its turn. It does so all the time,
	// that is more than repeatedSteps times in an object.
	reorderedFrames = 16
	repeatedSteps   = 2
	// soundBack is how far the sound may step back where there is video: players leave out
	// what they have had. With more, one of the two waits for the other.
	soundBack = ClockRate / 2

	// endsEarly is how much earlier than usual a track may end before the others: half
	// a second. Multiplexers write audio some 100 to 700 ms behind the video, and
	// always the same; each track may end up to a frame early.
	endsEarly = ClockRate / 2

	// keyKnown is how many objects have to be known before a missing random access point at
	// the start is reported, and keyPercent how many of them must have one. With key frames
	// in every other segment nothing is missing.
	keyKnown   = 8
	keyPercent = 75

	// starvedPart: the bit rate is under 1/starvedPart of its median over starvedKnown
	// objects or more, in starvedObjects objects in a row. No programme drops to a tenth,
	// but black and test cards do.
	starvedPart    = 10
	starvedKnown   = 8
	starvedObjects = 2

	// standsStill is after how long a still picture, or silence, is reported: longer than
	// pauses in speech and stills in a programme.
	standsStill = 5 * ClockRate
	// mostStill is how long it is counted at most, a day.
	mostStill = 24 * 3600 * ClockRate
	// stillShare is what percentage of an object has to be stretches of pictures of nearly
	// no size; the rest is what encoders add to a still picture after each key frame.
	stillShare = 60
	// smallShare is what percentage of the pictures has to be of nearly no size where an
	// encoder never stops adding, and smallUsual how many at most usually are, over
	// smallKnown objects or more. In a screen with a mouse pointer most of them always are.
	smallShare = 60
	smallUsual = 10
	smallKnown = 8
	// silentShare is what percentage of the frames has to be silence.
	silentShare = 95

	// jump is how far timestamps have to be off before it is another run rather than a
	// hole, where the objects are shorter than that.
	jump = ClockRate
)
