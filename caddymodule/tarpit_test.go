package caddymodule

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"
)

// A proxy sends all encoders' uploads over one connection of HTTP/2, which has one window for what has
// not been read. Who guesses credentials, and whose answer is held back, must not fill it.
func TestHeldAnswersHoldUpNoOtherUploads(t *testing.T) {
	before := heldBack
	heldBack = &tarpit{time: 20 * time.Second}
	defer func() { heldBack = before }()
	o := newOrigin(t, withInput("bearer secret"))
	s := overNetwork(t, 2, func(w http.ResponseWriter, r *http.Request) {
		_ = o.handler.ServeHTTP(w, o.prepare(w, r), nextHandler) // refusals are answered
	})
	put := func(target, token string, body io.Reader) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+target, body)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.Client().Do(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	held := make(chan struct{})
	sent := make(chan struct{})
	go func() {
		defer close(held)
		_, _ = put("/in/a/guess.ts", "wrong", io.MultiReader(bytes.NewReader(make([]byte, 4<<20)), atEnd(sent)))
	}()
	select {
	case <-sent:
	case <-held:
		t.Fatal("the answer was not held back")
	case <-time.After(10 * time.Second):
		t.Fatal("what the guesser sends is not read, and fills the connection")
	}
	names, media := segments(t)
	status, err := put("/in/b/"+names[0], "", bytes.NewReader(media[0]))
	if err != nil || status != http.StatusCreated {
		t.Errorf("the other upload: %d, %v", status, err)
	}
	select {
	case <-held:
		t.Error("the answer was not held back")
	default:
	}
}

// atEnd is an empty reader that says when it is reached.
type atEnd chan struct{}

func (s atEnd) Read([]byte) (int, error) {
	close(s)
	return 0, io.EOF
}
