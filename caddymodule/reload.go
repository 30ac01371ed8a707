package caddymodule

import (
	"reflect"
	"slices"

	"go.uber.org/zap"

	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// settle drops what only the previous config had. It is called when there is no way back
// any more: a channel forgets what an endpoint has published as soon as it is told to do
// without it.
func (a *App) settle() {
	a.previous, a.undo = nil, nil
	for _, u := range a.channels {
		state := u.shared.applied
		if state.app != a || reflect.DeepEqual(state.config, u.config) {
			continue
		}
		state.config = u.config
		if err := u.shared.tell(state); err != nil {
			a.logger.Error("removing inputs and endpoints failed", zap.Error(err))
		}
	}
}

// union is config with the inputs and endpoints that only before has.
func union(config, before channel.Config) channel.Config {
	config.Inputs = slices.Clone(config.Inputs)
	for _, in := range before.Inputs {
		if !slices.ContainsFunc(config.Inputs, func(o channel.InputConfig) bool { return o.Name == in.Name }) {
			config.Inputs = append(config.Inputs, in)
		}
	}
	config.Endpoints = slices.Clone(config.Endpoints)
	for _, e := range before.Endpoints {
		if !slices.ContainsFunc(config.Endpoints, func(o channel.EndpointConfig) bool { return o.Name == e.Name }) {
			config.Endpoints = append(config.Endpoints, e)
		}
	}
	return config
}
