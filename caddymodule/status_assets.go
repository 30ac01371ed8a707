package caddymodule

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"sync"
)

//go:embed status
var statusFiles embed.FS

// pageAsset is a file of the page. It only changes with the binary, so browsers keep it and
// ask each time whether it is still the same.
type pageAsset struct {
	contentType    string
	body, gzip     []byte
	etag, gzipETag string
}

// The content types of the page's files.
var assetTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".txt":  "text/plain; charset=utf-8",
}

var pageAssets = sync.OnceValue(func() map[string]*pageAsset {
	assets := map[string]*pageAsset{}
	files, err := statusFiles.ReadDir("status")
	if err != nil {
		return assets // embedded, so it can't be
	}
	for _, f := range files {
		body, err := statusFiles.ReadFile("status/" + f.Name())
		if err != nil {
			continue
		}
		name := f.Name()
		if name == "index.html" {
			name = ""
		}
		assets[name] = newPageAsset(f.Name(), body)
	}
	return assets
})

// asset returns the page's file of this name, nil if there is none.
func asset(name string) *pageAsset { return pageAssets()[name] }

func newPageAsset(name string, body []byte) *pageAsset {
	var compressed bytes.Buffer
	// Writing to memory does not fail.
	z, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	_, _ = z.Write(body)
	_ = z.Close()
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:8])
	// Not with the suffix "-gzip": Caddy's encode takes that off If-None-Match, as its own.
	return &pageAsset{
		contentType: assetTypes[path.Ext(name)], body: body, gzip: compressed.Bytes(),
		etag: `"` + hash + `"`, gzipETag: `"` + hash + `.gz"`,
	}
}

func (a *pageAsset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Vary"] = with(h["Vary"], varyEncoding)
	h["Cache-Control"] = []string{"no-cache"}
	body, etag := a.body, a.etag
	zipped := acceptsGzip(r.Header["Accept-Encoding"])
	if zipped {
		body, etag = a.gzip, a.gzipETag
	}
	h["Etag"] = []string{etag}
	if matches(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if zipped {
		h["Content-Encoding"] = gzipEncoding
	}
	h["Content-Type"] = []string{a.contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
