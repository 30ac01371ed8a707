package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// dismissAgain is how soon to see whether others still have an endpoint: what they say of themselves is from
// before that, where the configs of all nodes are changed at once.
const dismissAgain = 2 * time.Second

// dismiss lets the journal of all nodes drop all but the last record of an endpoint that was taken out of
// the config here, unless another node still has it: nobody else would ever do so. The channel's lock is held.
func (l *ledger) dismiss(endpoint string) {
	others := l.nodes.othersHave(endpoint)
	go func() {
		if others && !l.gone(endpoint) {
			return
		}
		// The channel may be about to close.
		ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
		defer cancel()
		if err := l.forgetAll(ctx, endpoint); err != nil && !errors.Is(err, store.ErrClosed) {
			l.nodes.channel.outbox.trouble(fmt.Errorf("endpoint %s: shorten the journal of all nodes: %w", endpoint, err))
		}
	}()
}

// gone waits a moment, and reports whether no node has the endpoint any more, this one included.
func (l *ledger) gone(endpoint string) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(dismissAgain):
	}
	back := false
	l.nodes.locked(func() { back = l.nodes.channel.endpoints[endpoint] != nil })
	return !back && !l.nodes.othersHave(endpoint)
}

func (l *ledger) forgetAll(ctx context.Context, endpoint string) error {
	journal, last, err := l.nodes.journalIn(ctx, l.nodes.shared, "/"+endpoint)
	if err != nil {
		return err
	}
	return journal.Forget(ctx, last)
}

// othersHave reports whether an endpoint is one of another node that stays.
func (n *nodes) othersHave(endpoint string) bool {
	peers := n.readPeers(n.group.Status())
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range peers {
		if _, has := p.state.Endpoints[endpoint]; p.Alive && has && !n.leaving[p.Node] {
			return true
		}
	}
	return false
}
