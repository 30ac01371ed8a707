package caddymodule

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"go.uber.org/zap"
)

// noDescriptors is what the log says of it.
const noDescriptors = "no file descriptors are left: encoders and viewers can't connect; raise the limit (LimitNOFILE of systemd, ulimit -n), or see who holds so many connections"

// noDescriptor returns an error if the process can open nothing more.
func noDescriptor() error {
	f, err := os.Open(os.DevNull)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return fmt.Errorf("open a file: %w", err)
	}
	return nil
}

// noteDescriptors is called when something does not come that should: encoders may be unable to connect.
// Go takes no connection while there is no file descriptor for it, and Caddy says so at DEBUG only.
func (o *observer) noteDescriptors() {
	if err := o.descriptors(); err != nil {
		o.quiet.log(o.logger, zap.ErrorLevel, missKey{why: "descriptors"}, noDescriptors,
			zap.Error(err))
	}
}
