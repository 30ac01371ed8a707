# What people type. Everything that matters is in scripts and Go, so that none of this
# is needed.

.PHONY: help demo build quick test lint fuzz bench soak update

help: ## this list
	@grep -E '^[a-z]+:' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: ## an origin with two built-in encoders, at http://localhost:8080/status/
	go run ./cmd/caddy live-origin demo

build: ## ./caddy, stock Caddy with the module
	go build ./cmd/caddy

quick: ## the tests that take seconds
	go vet ./...
	go test ./failover ./store ./store/file ./store/memory ./internal/activity ./internal/hls ./internal/output ./internal/rooms

test: ## all tests, as continuous integration runs them
	sh .ci/test

lint: ## formatting, go vet, golangci-lint
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	sh .ci/lint

fuzz: ## one minute of fuzzing of the core
	go test ./failover -run '^$$' -fuzz FuzzChannel -fuzztime 1m

bench: ## against nginx and Caddy's own handlers, see bench/README.md
	go run ./bench

soak: ## half an hour of encoders that fail, reloads and restarts, see bench/README.md
	go run ./bench soak

update: ## write what golden tests expect, to be looked at with git diff
	go test ./failover ./internal/channel ./internal/hls ./caddymodule -update
