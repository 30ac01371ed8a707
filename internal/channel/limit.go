package channel

import "fmt"

// LimitError says what was dropped because an input is over a limit. The channel goes on;
// an operator should look at the encoder.
type LimitError struct{ Text string }

func (e *LimitError) Error() string { return e.Text }

// overLimit tells the observer.
func (c *Channel) overLimit(format string, args ...any) {
	c.outbox.trouble(c.name, &LimitError{fmt.Sprintf(format, args...)})
}
