#!/bin/sh
# Makes sample.ts, the minute that the demo's encoders repeat: sh sample.sh
# It needs ffmpeg with libx264, and the font DejaVu Sans Mono.
#
# The minute is cut out of the middle of two, so that the sound's first frame
# overlaps the last one as it does everywhere else. At 32 kHz a minute is 1,875
# frames of AAC, so that no fraction of a frame is left where the loop closes.
# The seconds in the picture are those of the clock on the wall, because media
# time is Unix time.
#
# The quality is higher than the picture needs: pictures with less in them are as
# small as those of a still picture, and the origin would take the sample for one.
set -eu
out=$PWD/sample.ts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

ground=0x14202b
mono="font='DejaVu Sans Mono':fontcolor=white"
angle="mod(atan2(X-100\,100-Y)*180/PI+360\,30)"
radius="hypot(X-100\,Y-100)"
mark="between($radius\,84\,94)*(lt($angle\,1.6)+gt($angle\,28.4))"

ffmpeg -nostdin -v error -y \
	-f lavfi -i "color=c=$ground:s=480x270:r=25" \
	-f lavfi -i "color=c=$ground:s=200x200:r=25:d=0.04,format=yuv420p,
		geq=lum='if(between($radius\,95\,98)+$mark\,180\,lum(X\,Y))':cb='cb(X\,Y)':cr='cr(X\,Y)',loop=-1:1" \
	-f lavfi -i "color=c=black@0:s=200x200:r=25,format=yuva420p,
		drawbox=x=98:y=14:w=4:h=86:color=white:t=fill:replace=1,rotate=a='2*PI*t/60':c=none" \
	-f lavfi -i "color=c=0x3fa7ff:s=40x6:r=25" \
	-f lavfi -i "aevalsrc='0.25*sin(2*PI*t*if(lt(mod(t\,60)\,0.5)\,880\,440))*lt(mod(t\,1)\,0.1)*sin(PI*min(mod(t\,1)\,0.1)/0.1)':s=32000:c=mono" \
	-filter_complex "
		[0][1]overlay=x=20:y=30[dial];
		[dial][2]overlay=x=20:y=30[hand];
		[hand][3]overlay=x='(W-w)*abs(1-mod(t,4)/2)':y=252,
		drawtext=$mono:fontsize=110:x=270:y=62:text='%{eif\:mod(t,60)\:d\:2}',
		drawtext=$mono:fontsize=32:x=416:y=122:text='%{eif\:mod(n,25)\:d\:2}',
		drawtext=$mono:fontsize=18:x=272:y=170:text='seconds, UTC'[picture]" \
	-map '[picture]' -map 4:a -t 124 \
	-c:v libx264 -preset veryslow -profile:v baseline -pix_fmt yuv420p -crf 21 -maxrate 120k -bufsize 240k \
	-g 50 -keyint_min 50 -sc_threshold 0 -bf 0 -flags +cgop -fflags +bitexact -flags:v +bitexact \
	-c:a aac -b:a 24k -ac 1 -flags:a +bitexact \
	-muxdelay 1 -muxpreload 0 \
	-f hls -hls_time 2 -hls_list_size 0 -hls_segment_options pat_period=60:sdt_period=60 \
	-hls_segment_filename '%02d.ts' all.m3u8

# shellcheck disable=SC2046
cat $(seq -f %02g.ts 30 59) >"$out"
ls -l "$out"
