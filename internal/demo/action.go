package demo

import (
	"errors"
	"fmt"
	"time"
)

// Action is what can be done to an encoder.
type Action string

const (
	// Kill ends the encoder at once, in the middle of an upload if there is one.
	Kill Action = "kill"
	// Revive starts a killed encoder again.
	Revive Action = "revive"
	// Stop makes the encoder do nothing for StopLength. What it encoded in the meantime it
	// sends afterwards, as with SIGSTOP and SIGCONT.
	Stop Action = "stop"
	// Drop loses the next segment: the playlist lists it, but it is not sent.
	Drop Action = "drop"
	// Corrupt cuts the next segment off in the middle of a packet.
	Corrupt Action = "corrupt"
	// Hole takes ten pictures out of the next segment.
	Hole Action = "hole"
	// Mute sends the next three segments without audio.
	Mute Action = "mute"
	// Freeze freezes the picture for the next five segments, 10 s.
	Freeze Action = "freeze"
)

// StopLength is how long Stop lasts.
const StopLength = 3 * time.Second

// What can be wrong with an action.
var (
	// ErrUnknown is for an action that does not exist.
	ErrUnknown = errors.New("unknown action")
	// ErrState is for an action that is not possible now.
	ErrState = errors.New("not possible now")
)

// Do does something to the encoder. Errors wrap ErrUnknown or ErrState.
func (e *Encoder) Do(a Action) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch a {
	case Kill, Stop, Drop, Corrupt, Hole, Mute, Freeze:
		if !e.alive {
			return fmt.Errorf("%w: encoder %s is killed", ErrState, e.options.Name)
		}
	case Revive:
		if e.alive {
			return fmt.Errorf("%w: encoder %s is running", ErrState, e.options.Name)
		}
	default:
		return fmt.Errorf("%w: %q", ErrUnknown, a)
	}
	switch a {
	case Kill:
		e.alive, e.until, e.fault, e.left = false, time.Time{}, "", 0
		e.end()
	case Revive:
		e.alive, e.err = true, nil
		select {
		case e.revived <- struct{}{}:
		default: // it is already on its way
		}
	case Stop:
		e.until = time.Now().Add(StopLength)
	case Drop, Corrupt, Hole, Mute, Freeze:
		e.fault, e.left = a, faultLength(a)
	}
	return nil
}

// State is the state of an encoder.
type State struct {
	Name string `json:"name"`
	// State is running, stopped or killed.
	State string `json:"state"`
	// Next is what will be wrong with the next segment, empty if nothing.
	Next Action `json:"next,omitempty"`
	// Left is for how many segments, from the next one on, that will last.
	Left int `json:"left,omitempty"`
	// Sent counts segments that the origin has taken.
	Sent int `json:"sent"`
	// LastSent is when the last of them was sent.
	LastSent time.Time `json:"last_sent,omitzero"`
	// Error is why the last segment was not taken.
	Error string `json:"error,omitempty"`
}

// State returns the current state of the encoder.
func (e *Encoder) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := State{Name: e.options.Name, State: "running", Next: e.fault, Left: e.left, Sent: e.sent, LastSent: e.last}
	switch {
	case !e.alive:
		s.State = "killed"
	case time.Now().Before(e.until):
		s.State = "stopped"
	}
	if e.err != nil && e.alive {
		s.Error = e.err.Error()
	}
	return s
}
