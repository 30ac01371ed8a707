// Package check holds tests of files that other programs read: the rules of
// Prometheus, the dashboard of Grafana, and what builds and runs containers. It is
// a module of its own, so that their parsers are no dependencies of the product.
package check
