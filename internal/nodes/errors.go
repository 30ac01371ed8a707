package nodes

import "errors"

var (
	errNoEcho     = errors.New("nothing comes back")
	errStateSize  = errors.New("the state of a member is over 16 KiB")
	errTooLarge   = errors.New("message over 8 MiB")
	errBusy       = errors.New("too many answers wait to be fetched")
	errAnswerSize = errors.New("answer over 64 MiB")
)
