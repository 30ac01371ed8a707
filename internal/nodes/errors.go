package nodes

import "errors"

var (
	errNoEcho     = errors.New("nothing comes back")
	errStateSize  = errors.New("what this node says of a channel is over 64 KiB, and is not sent: it has too many endpoints")
	errTooLarge   = errors.New("message over 8 MiB")
	errBusy       = errors.New("too many answers wait to be fetched")
	errAnswerSize = errors.New("answer over 64 MiB")
)
