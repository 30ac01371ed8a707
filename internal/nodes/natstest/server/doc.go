// Package server is a module of its own, which says which nats-server the tests run: so
// the plugin's go.sum stays small. Nothing imports it.
package server
