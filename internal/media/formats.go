package media

// container is all that the rest of the program has to know about a format. A new one is
// one more row.
type container struct {
	format Format
	// recognise detects it by the first bytes of an object; nil for transport streams,
	// which are recognised by the spacing of their sync bytes (see detect).
	recognise func(head []byte) bool
	scanner   func() scanner
	// file is the media type and the file extension, given the content
	// (RFC 8216, 4 and 10).
	file func(*Info) (contentType, extension string)
}

// formats are all formats that are read, each once, in the order in which they are tried.
var formats = []container{
	{FormatTS, nil, func() scanner { return newTSScanner() }, one("video/mp2t", ".ts")},
	{FormatMP4, isMP4, func() scanner { return new(mp4Scanner) }, mp4File},
	{FormatWebVTT, isWebVTT, func() scanner { return newTextScanner() }, one("text/vtt", ".vtt")},
	{FormatPackedAudio, isPackedAudio, func() scanner { return new(packedScanner) }, packedFile},
}

func one(contentType, extension string) func(*Info) (string, string) {
	return func(*Info) (string, string) { return contentType, extension }
}

// What is unknown is just bytes.
const unknownType, unknownExtension = "application/octet-stream", ".bin"

// FileType is the object's media type and its file extension. Without an object they are
// those of plain bytes.
func (i *Info) FileType() (contentType, extension string) {
	if i == nil {
		return unknownType, unknownExtension
	}
	for k := range formats {
		if formats[k].format == i.Format {
			return formats[k].file(i)
		}
	}
	return unknownType, unknownExtension
}

func mp4File(i *Info) (contentType, extension string) {
	for k := range i.Tracks {
		if i.Tracks[k].Kind == Video {
			return "video/mp4", ".m4s"
		}
	}
	return "audio/mp4", ".m4s"
}

// packedFiles are the codecs of packed audio (RFC 8216, 3.4).
var packedFiles = map[string][2]string{
	"ac-3":       {"audio/ac3", ".ac3"},
	"ec-3":       {"audio/eac3", ".ec3"},
	"mp4a.40.32": {"audio/mpeg", ".mp3"},
	"mp4a.40.33": {"audio/mpeg", ".mp3"},
	"mp4a.40.34": {"audio/mpeg", ".mp3"},
	"mp4a.6b":    {"audio/mpeg", ".mp3"},
	"mp4a.69":    {"audio/mpeg", ".mp3"},
	"mp4a.40.1":  {"audio/aac", ".aac"},
	"mp4a.40.2":  {"audio/aac", ".aac"},
	"mp4a.40.3":  {"audio/aac", ".aac"},
	"mp4a.40.4":  {"audio/aac", ".aac"},
	"mp4a.40.5":  {"audio/aac", ".aac"},
	"mp4a.40.29": {"audio/aac", ".aac"},
}

func packedFile(i *Info) (contentType, extension string) {
	if len(i.Tracks) == 0 {
		return unknownType, unknownExtension
	}
	if known, ok := packedFiles[i.Tracks[0].Codec]; ok {
		return known[0], known[1]
	}
	return unknownType, unknownExtension
}
