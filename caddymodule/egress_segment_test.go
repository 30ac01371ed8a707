package caddymodule

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// spoil makes each object of a store what it can't read.
func spoil(t *testing.T, dir string, with func(object string) error) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return errors.Join(os.Remove(path), with(path))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A segment that the disk does not give out, or for which no file descriptor is left, is not lost:
// viewers and CDNs are told to come back, and the operator is told why.
func TestSegmentsThatCannotBeReadAreNotMissing(t *testing.T) {
	for name, spoilt := range map[string]struct {
		with    func(object string) error
		headers []string
		status  int
	}{
		"not opened":        {with: func(path string) error { return os.Symlink(filepath.Base(path), path) }, status: 503},
		"not read":          {with: func(path string) error { return os.Mkdir(path, 0o700) }, status: 200},
		"no range of it":    {with: func(path string) error { return os.Mkdir(path, 0o700) }, headers: []string{"Range", "bytes=0-99"}, status: 206},
		"deleted, as usual": {with: func(string) error { return nil }, status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			o, _, segment := onAirWith(t, strings.Replace(twoInputs, "live_origin {", "live_origin {\nstore file "+dir, 1))
			spoil(t, dir, spoilt.with)
			core, logs := zapobserver.New(zap.WarnLevel)
			o.handler.logger = zap.New(core)
			var w *httptest.ResponseRecorder
			for range 3 {
				w = o.do("GET", segment, nil, spoilt.headers...)
			}
			want(t, w, spoilt.status, "")
			if spoilt.status == 503 {
				wantHeader(t, w.Header(), "Retry-After", "1")
				wantHeader(t, w.Header(), "Cache-Control", "no-store")
			}
			told := logs.FilterMessage("segment can't be read from the store").Len()
			if warned := told == 1; told > 1 || warned == (spoilt.status == 404) {
				t.Errorf("the log has %d warnings: %v", told, logs.All())
			}
		})
	}
}
