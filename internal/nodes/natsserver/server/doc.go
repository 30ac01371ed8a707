// Package server is a module of its own, which says which nats-server the tests and the demo
// run: so the plugin's go.sum stays small. Nothing imports it.
package server
