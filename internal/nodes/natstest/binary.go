//go:build unix

// Package natstest runs real NATS servers for tests: a cluster with JetStream on free
// loopback ports, whose servers can be killed, stopped and started again. It is only
// imported by tests.
package natstest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// Version of nats-server, the one that server/go.mod requires.
const Version = "v2.15.2"

// binary builds nats-server, once for each version and machine: the first time takes half a
// minute, and the network for the download of the module.
var binary = sync.OnceValues(func() (string, error) {
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
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}

	_, source, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the source of this package is not known")
	}
	half := path + ".half"
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", half, "github.com/nats-io/nats-server/v2")
	build.Dir = filepath.Join(filepath.Dir(source), "server")
	// The race detector, a workspace or a vendor folder of the tests are not meant for it.
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, os.Rename(half, path)
})

// Need skips the test loudly if nats-server can't be built, and fails it in CI, where
// nothing may be skipped. It returns the path of the program.
func Need(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("nats-server can't be built: %v", err)
	}
	t.Skipf("SKIPPED, NOT TESTED: nats-server can't be built: %v", err)
	return ""
}
