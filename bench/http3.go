package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// http3Connections are fewer than those of the other protocols: the client is written in
// Go as well, and takes as much of the machine as the server.
const http3Connections = 8

// loadHTTP3 does what loadHTTP1 does with HTTP/3.
func (b *bench) loadHTTP3(ctx context.Context, url string) (requests, bytes float64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	var mu sync.Mutex
	begin := time.Now()
	for range http3Connections {
		// The certificate is made for this run.
		transport := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer transport.Close()
		client := &http.Client{Transport: transport}
		for range streams {
			wait.Go(func() {
				buffer := make([]byte, 64<<10)
				for time.Since(begin) < b.time {
					n, err := download(ctx, client, url, buffer)
					if err != nil {
						cancel(err)
						return
					}
					mu.Lock()
					requests, bytes = requests+1, bytes+float64(n)
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	seconds := time.Since(begin).Seconds()
	return requests / seconds, bytes / seconds, context.Cause(ctx)
}

// download fetches a URL and returns how long it is.
func download(ctx context.Context, client *http.Client, url string, buffer []byte) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buffer)
}
