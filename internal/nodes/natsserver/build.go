// Package natsserver builds and configures real NATS servers for the tests and the demo: a
// cluster with JetStream on free ports of this machine. Who uses it runs them.
package natsserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Version of nats-server, the one that server/go.mod requires.
const Version = "v2.15.2"

// Build returns the path of nats-server. It is built with the go command, once for each version
// and machine: that takes half a minute, and the network for the download of the module.
// building is called before that, unless it is nil.
func Build(ctx context.Context, building func()) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "caddy-live-origin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("nats-server-%s-%s-%s", Version, runtime.GOOS, runtime.GOARCH))

	// Test binaries of several packages run at once; one of them builds.
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := waitForLock(lock); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}

	source, err := pinned()
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("it is built with the go command, which is not there: %w", err)
	}
	if building != nil {
		building()
	}
	half := path + ".half"
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", half, "github.com/nats-io/nats-server/v2")
	build.Dir = source
	// The race detector, a workspace or a vendor folder of the caller are not meant for it.
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, os.Rename(half, path)
}

// pinned is the folder of the module that says which nats-server it is.
func pinned() (string, error) {
	_, source, _, ok := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(source), "server")
	if !ok {
		return "", errors.New("the source of this program is not known")
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("it is built from a checkout of this program's source, which is not there: %w", err)
	}
	return dir, nil
}
