package caddymodule

import "go.uber.org/zap"

// namedOpen is how many open inputs are named: who means them to be open has them all open.
const namedOpen = 10

func (h *Handler) warnOfOpenInputs() {
	open := 0
	for _, name := range h.channelNames() {
		for _, in := range h.Channels[name].Inputs {
			if !h.routes[in.Path].guard.open() {
				continue
			}
			if open++; open <= namedOpen {
				h.logger.Warn("input is open: anybody may upload to it",
					zap.String("channel", name), zap.String("input", in.Name), zap.String("path", in.Path))
			}
		}
	}
	if open > namedOpen {
		h.logger.Warn("more inputs are open: anybody may upload to them", zap.Int("more", open-namedOpen))
	}
}
