package media

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/liveorigin/caddy-live-origin/internal/bitstream"
)

// describe takes codec and format from a sample entry. A codec that is not known here is
// named after the type of the entry; Config still shows whether two such tracks are equal.
func (t *InitTrack) describe(entry mp4.Box) {
	t.Codec = boxName([]byte(entry.Type()))
	switch e := entry.(type) {
	case *mp4.VisualSampleEntryBox:
		t.Width, t.Height = int(e.Width), int(e.Height)
		if codec := videoCodec(e); codec != "" {
			t.Codec = codec
		}
	case *mp4.AudioSampleEntryBox:
		t.describeAudio(e)
	}
}

// videoCodec makes the codec string of RFC 6381 and of the codec's own binding
// to MP4. It is empty if the configuration is missing.
func videoCodec(e *mp4.VisualSampleEntryBox) string {
	name := e.Type()
	switch {
	case e.DoViConfig != nil && strings.HasPrefix(name, "dv"):
		// Dolby Vision Streams Within the HTTP Live Streaming Format, 2.
		return fmt.Sprintf("%s.%02d.%02d", name, e.DoViConfig.DVProfile, e.DoViConfig.DVLevel)
	case e.AvcC != nil: // ISO/IEC 14496-15, E.2
		return fmt.Sprintf("%s.%02x%02x%02x", name, e.AvcC.AVCProfileIndication, e.AvcC.ProfileCompatibility, e.AvcC.AVCLevelIndication)
	case e.HvcC != nil:
		c := e.HvcC
		constraints := [6]byte{}
		for i := range constraints {
			constraints[i] = byte(c.GeneralConstraintIndicatorFlags >> (40 - 8*i))
		}
		return h265Codec(name, uint32(c.GeneralProfileSpace), c.GeneralTierFlag, uint32(c.GeneralProfileIDC),
			bits.Reverse32(c.GeneralProfileCompatibilityFlags), constraints, uint32(c.GeneralLevelIDC))
	case e.Av1C != nil: // AV1 Codec ISO Media File Format Binding, 5
		c := e.Av1C
		tier, depth := "M", 8
		if c.SeqTier0 == 1 {
			tier = "H"
		}
		if c.HighBitdepth == 1 {
			depth = 10
			if c.SeqProfile == 2 && c.TwelveBit == 1 {
				depth = 12
			}
		}
		return fmt.Sprintf("%s.%d.%02d%s.%02d", name, c.SeqProfile, c.SeqLevelIdx0, tier, depth)
	case e.VppC != nil: // VP Codec ISO Media File Format Binding
		return fmt.Sprintf("%s.%02d.%02d.%02d", name, e.VppC.Profile, e.VppC.Level, e.VppC.BitDepth)
	}
	return ""
}

func (t *InitTrack) describeAudio(e *mp4.AudioSampleEntryBox) {
	t.SampleRate, t.Channels = int(e.SampleRate), int(e.ChannelCount)
	switch {
	case e.Dops != nil:
		t.SampleRate, t.Channels = 48000, int(e.Dops.OutputChannelCount)
	case e.Dac3 != nil:
		t.Channels = ac3Channels[e.Dac3.ACMod&7] + int(e.Dac3.LFEOn&1)
	case e.Dec3 != nil && len(e.Dec3.EC3Subs) > 0:
		s := e.Dec3.EC3Subs[0]
		t.Channels = ac3Channels[s.ACMod&7] + int(s.LFEOn&1)
	case e.Esds != nil && e.Esds.DecConfigDescriptor != nil:
		d := e.Esds.DecConfigDescriptor
		t.Codec = fmt.Sprintf("%s.%02x", e.Type(), d.ObjectType)
		const aac = 0x40
		if d.ObjectType == aac && d.DecSpecificInfo != nil {
			t.describeAAC(d.DecSpecificInfo.DecConfig)
		}
	}
}

// describeAAC reads the beginning of an AudioSpecificConfig (ISO/IEC 14496-3,
// 1.6.2.1). Sample rate and channels are those of the core, as in ADTS.
func (t *InitTrack) describeAAC(config []byte) {
	r := &bitstream.Reader{Bytes: config}
	object := r.U(5)
	if object == 31 {
		object = 32 + r.U(6)
	}
	rate := int(r.U(4))
	hz := 0
	switch {
	case rate == 15:
		hz = int(r.U(24))
	case rate < len(aacRates):
		hz = aacRates[rate]
	}
	channels := int(r.U(4))
	if r.Bad {
		return
	}
	t.Codec += "." + strconv.Itoa(int(object))
	if hz > 0 {
		t.SampleRate = hz
	}
	switch {
	case channels == 7:
		t.Channels = 8
	case channels > 0 && channels < 7:
		t.Channels = channels
	}
}
