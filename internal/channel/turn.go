package channel

import "io"

// Turn is an upload's turn to make the origin compute for its input. To unpack what was
// compressed, to read a playlist and to look into media may cost more than it takes to send
// them, so one upload of an input does that at a time: a hundred connections of one encoder
// take no more of the processors than one of them. They come in the order in which they
// asked, and only that input has to wait.
type Turn struct {
	of   chan struct{} // whoever has the turn has put something in
	held bool
}

// Take waits for the turn, unless the upload has it. It waits also for a sender that is gone:
// many encoders end their side of the connection as soon as they have sent all, which looks
// the same, and one that left before fails at the next read.
func (t *Turn) Take() {
	if !t.held {
		t.of <- struct{}{} // those who wait here are served in order
		t.held = true
	}
}

// Give lets the next one have its turn. It does nothing if the upload does not have it.
func (t *Turn) Give() {
	if t.held {
		<-t.of
		t.held = false
	}
}

// Packed is a body that unpacks what it receives.
type Packed interface {
	// TakeTurns is called once, before anything is read. The body has to have the turn
	// whenever it unpacks, and must not have it while it waits for the sender.
	TakeTurns(t *Turn)
}

// inTurn takes the turn for each write, and has it no longer than that: meanwhile nothing
// is received.
type inTurn struct {
	turn *Turn
	to   io.Writer
}

// Write implements io.Writer.
func (w *inTurn) Write(p []byte) (int, error) {
	if w.turn.held {
		return w.to.Write(p) // of what is unpacked
	}
	w.turn.Take()
	defer w.turn.Give()
	return w.to.Write(p)
}
