#!/bin/sh
# An encoder for trying out the origin: sh docs/encoder.sh <input> [origin]
#
# It draws the time of day and beeps. Its timestamps count from the Unix epoch
# and its segments begin at multiples of 1.92 s, so that two of them are a locked
# pair, whenever each was started.
set -eu
input=${1:?"usage: $0 <input> [origin]"}
origin=${2:-http://localhost:8080}
target=$origin/in/sports/$input

# The next multiple of 1.92 s (48 frames at 25/s, 90 AAC frames at 48 kHz), as
# milliseconds and as seconds since the epoch.
now=$(date +%s%3N)
begin=$(((now / 1920 + 2) * 1920))
sleep "$(((begin - now) / 1000)).$(printf %03d $(((begin - now) % 1000)))"
seconds=$((begin / 1000)).$(printf %03d $((begin % 1000)))

exec ffmpeg -nostdin -loglevel warning \
	-re -f lavfi -i "smptehdbars=size=640x360:rate=25" \
	-re -f lavfi -i "sine=frequency=440:beep_factor=4:sample_rate=48000" \
	-vf "drawtext=text='%{pts\\:gmtime\\:$((begin / 1000))\\:%T}':fontsize=72:fontcolor=white:box=1:boxcolor=black:x=(w-tw)/2:y=(h-th)/2" \
	-c:v libx264 -preset veryfast -b:v 800k -bf 2 -g 48 -keyint_min 48 -sc_threshold 0 \
	-c:a aac -b:a 96k \
	-output_ts_offset "$seconds" \
	-f hls -method PUT -hls_time 1.92 -hls_list_size 6 \
	-hls_segment_filename "$target/seg%d.ts" "$target/live.m3u8"
