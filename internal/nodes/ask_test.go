//go:build unix

package nodes

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
)

func TestAsk(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	b.answer = func(_ context.Context, from string, question []byte) ([]byte, error) {
		switch string(question) {
		case "fail":
			return nil, errors.New("it rains")
		case "nothing":
			return nil, store.ErrNotFound
		}
		return append([]byte(from+" asked "), question...), nil
	}
	got, err := a.group.Ask(t.Context(), "b", []byte("why"))
	if err != nil || string(got) != "a asked why" {
		t.Errorf("%q, %v", got, err)
	}
	// c has no answer, so that of b wins.
	if got, err := a.group.Ask(t.Context(), "", []byte("why")); err != nil || string(got) != "a asked why" {
		t.Errorf("any: %q, %v", got, err)
	}
	if _, err := a.group.Ask(t.Context(), "b", []byte("fail")); err == nil || !strings.Contains(err.Error(), "it rains") {
		t.Errorf("its error: %v", err)
	}
	for _, node := range []string{"", "b", "c", "nobody"} {
		if _, err := a.group.Ask(t.Context(), node, []byte("nothing")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of %q: %v", node, err)
		}
	}
	if _, err := a.Ask(t.Context(), "b", "topic", nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no handler: %v", err)
	}
	c.Handle("topic", func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
	if got, err := a.Ask(t.Context(), "", "topic", nil); err != nil || len(got) != 0 {
		t.Errorf("an empty answer: %q, %v", got, err)
	}
}

// TestLargeAnswers come whole, also while a server dies under them.
func TestLargeAnswers(t *testing.T) {
	servers := natstest.Start(t, 3)
	all := openNodes(t, servers.URLs(), "a", "b", "c")
	sizes := []int{smallAnswer, smallAnswer + 1, chunkBytes, chunkBytes + 1, 4 * chunkBytes, 16 << 20, MaxAnswer}
	answers := map[int][]byte{}
	for _, size := range sizes {
		answers[size] = noise(size)
	}
	for _, n := range all[1:] {
		n.Handle("size", func(_ context.Context, _ string, question []byte) ([]byte, error) {
			return answers[sizes[question[0]]], nil
		})
	}
	// Where the machine stands still, a node says nothing for so long that it counts as gone.
	stalled := func() bool { return slices.ContainsFunc(all, func(n *node) bool { return n.stalls.Load() > 0 }) }
	ask := func(node string, i int) (got []byte, err error) {
		got, err = all[0].Ask(t.Context(), node, "size", []byte{byte(i)})
		if errors.Is(err, store.ErrNotFound) && stalled() {
			eventually(t, "nodes are there again", func() bool {
				got, err = all[0].Ask(t.Context(), node, "size", []byte{byte(i)})
				return !errors.Is(err, store.ErrNotFound)
			})
		}
		return got, err
	}
	for i, size := range sizes {
		for _, node := range []string{"b", ""} {
			got, err := ask(node, i)
			if err != nil || !bytes.Equal(got, answers[size]) {
				t.Errorf("%d bytes of %q: %d have come, %v", size, node, len(got), err)
			}
		}
	}
	for i := range 3 {
		var asking sync.WaitGroup
		asking.Go(func() {
			got, err := ask("b", 5)
			if err != nil || !bytes.Equal(got, answers[sizes[5]]) {
				t.Errorf("while server %d hangs: %d have come, %v", i, len(got), err)
			}
		})
		time.Sleep(20 * time.Millisecond)
		servers.Stop(i)
		asking.Wait()
		servers.Continue(i)
		time.Sleep(300 * time.Millisecond)
	}
	for _, n := range all[1:] {
		eventually(t, "answers are forgotten", func() bool {
			n.answers.mu.Lock()
			defer n.answers.mu.Unlock()
			return n.answers.bytes == 0 && len(n.answers.open) == 0
		})
	}
}

// TestAskIsBounded: by the context, and by the life of who is asked.
func TestAskIsBounded(t *testing.T) {
	all := openNodes(t, natstest.Start(t, 1).URLs(), "a", "b")
	a, b := all[0], all[1]
	given := make(chan error, 2)
	b.answer = func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		<-ctx.Done()
		given <- ctx.Err()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := a.group.Ask(ctx, "b", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := <-given; err == nil {
		t.Error("the handler goes on")
	}
	asked := make(chan error)
	go func() {
		_, err := a.group.Ask(t.Context(), "b", nil)
		asked <- err
	}()
	time.Sleep(50 * time.Millisecond)
	for _, c := range b.links { // as if it had died
		c.up.Store(false)
	}
	if err := <-asked; !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a dead node: %v", err)
	}
}
