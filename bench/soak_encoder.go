package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// troubled is an encoder of a soak: it keeps to the plan of its channel. What the origin does
// not take because it is away is held and sent again, in order; to another node, if there is one.
type troubled struct {
	client
	*soakChannel

	input  int
	random *rand.Rand

	run     int    // how many restarts there were
	number  int    // of the next segment in its playlist
	counter byte   // where its continuity counters began
	names   string // format of segment names
	list    []listedPiece
	buffer  []byte
}

// listedPiece is an entry of an encoder's playlist.
type listedPiece struct {
	piece, number int
	name          string
}

const (
	// held is how much an encoder keeps while the origin is away.
	held = 30 * time.Second
	// again is how long it waits before it tries again.
	again = 150 * time.Millisecond
	// encoderPatience is how long it waits for an answer.
	encoderPatience = 10 * time.Second
	// hopsOneIn: before so many pieces it changes nodes once, although nothing is wrong.
	hopsOneIn = 20
)

func makeTroubled(c *soakChannel, input int) *troubled {
	random := c.random(10 + uint64(input))
	e := &troubled{
		client:      client{addr: c.site.nodes[input%len(c.site.nodes)].addr, patience: encoderPatience},
		soakChannel: c, input: input, random: random,
		counter: byte(random.IntN(16)), names: "seg%d.ts",
	}
	// As encoders do that were started at different times.
	e.number = random.IntN(2) * random.IntN(1000)
	return e
}

// play sends the programme until its end.
func (e *troubled) play(ctx context.Context) {
	defer e.close()
	var before fault
	for k := range e.total {
		f := e.plan.at(e.input, k)
		if before.kind != f.kind || before.first != f.first {
			e.change(before, f)
			before = f
		}
		e.ledger.note(e.input, k, func(d *delivery) { d.fault = f.kind })
		if rest(ctx, time.Until(e.ledger.due(e.input, k).Add(f.delay))) != nil {
			return
		}
		if f.kind.silent() || time.Since(e.ledger.due(e.input, k)) > held {
			e.number++
			e.list = nil
			continue
		}
		if e.site.several() && e.random.IntN(hopsOneIn) == 0 {
			e.hop()
		}
		e.send(ctx, k, f)
	}
}

// hop goes on at another node, if there is one.
func (e *troubled) hop() {
	e.close()
	e.addr = e.site.other(e.addr)
}

// change is what happens when a fault ends or begins.
func (e *troubled) change(before, now fault) {
	switch before.kind {
	case faultRestart:
		e.begin(fmt.Sprintf("run%d-%%d.ts", e.run+1))
	case faultRestartSame:
		e.begin(e.names)
	case faultRendition:
		e.list = nil // no encoder lists a segment in two playlists
	}
	switch now.kind {
	case faultRename:
		e.names = fmt.Sprintf("hour%d/part-%%05d.ts", now.first)
	case faultRendition:
		e.list = nil
	}
}

// begin is a run that counts from 0, with counters of its own.
func (e *troubled) begin(names string) {
	e.run++
	e.number, e.list, e.names, e.counter = 0, nil, names, byte(e.random.IntN(16))
}

func (e *troubled) path() string { return "/in/" + e.name + "/" + inputNames[e.input] + "/" }

// send uploads a piece and the playlist that ends with it.
func (e *troubled) send(ctx context.Context, k int, f fault) {
	name := fmt.Sprintf(e.names, e.number)
	e.list = append(e.list, listedPiece{piece: k, number: e.number, name: name})
	e.list = e.list[max(0, len(e.list)-listed):]
	e.number++

	e.buffer = e.timeline.piece(k, e.counter, e.buffer)
	body := e.spoil(e.buffer, f.kind)
	e.ledger.note(e.input, k, func(d *delivery) { d.sent = time.Now() })
	if f.kind == faultBroken {
		e.breakOff(e.path()+name, body)
	} else if e.upload(ctx, k, e.path()+name, body) {
		e.ledger.note(e.input, k, func(d *delivery) { d.stored, d.node = time.Now(), e.addr })
	}
	e.announce(ctx, k, f.kind)
}

// announce uploads the playlist.
func (e *troubled) announce(ctx context.Context, k int, kind faultKind) {
	path := e.path() + "live.m3u8"
	if kind == faultRendition {
		path = e.path() + "other.m3u8"
	}
	text := []byte(e.playlist())
	if kind == faultScribble {
		text = []byte("#EXTM3" + string(e.noise(300)))
	}
	if !e.upload(ctx, k, path, text) || kind == faultScribble || kind == faultRendition {
		return
	}
	now := time.Now()
	for _, entry := range e.list {
		e.ledger.note(e.input, entry.piece, func(d *delivery) {
			if d.listed.IsZero() {
				d.listed = now
			}
		})
	}
}

func (e *troubled) playlist() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", e.list[0].number)
	for _, entry := range e.list {
		if e.dated {
			date := e.ledger.begin.Add(time.Duration(entry.piece) * e.ledger.length)
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", date.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n%s\n", e.ledger.length.Seconds(), entry.name)
	}
	return b.String()
}

// spoil makes of a segment what a broken encoder sends.
func (e *troubled) spoil(body []byte, kind faultKind) []byte {
	half := len(body) / 2 / packetSize * packetSize
	switch kind {
	case faultNoise:
		return e.noise(len(body))
	case faultCut:
		return body[:half]
	case faultTorn:
		return body[:half+packetSize/3]
	}
	return body
}

func (e *troubled) noise(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(e.random.Uint32())
	}
	return out
}

// upload tries until there is an answer that will not change. It reports whether the origin
// took it.
func (e *troubled) upload(ctx context.Context, k int, path string, body []byte) bool {
	for ctx.Err() == nil {
		e.ledger.note(e.input, k, func(d *delivery) { d.attempts++ })
		err := e.put(path, body)
		if err == nil {
			return true
		}
		var no *refusal
		if errors.As(err, &no) && no.status < 500 && no.status != 429 && no.status != 408 {
			e.ledger.note(e.input, k, func(d *delivery) { d.answer = no.Error() })
			return false
		}
		e.hop()
		_ = rest(ctx, again)
	}
	return false
}

// breakOff sends half of what it said it would.
func (e *troubled) breakOff(path string, body []byte) {
	e.close()
	if e.open() != nil {
		return
	}
	fmt.Fprintf(e.conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", path, e.addr, len(body))
	_, _ = e.conn.Write(body[:len(body)/2])
	e.close()
}
