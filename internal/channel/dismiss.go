package channel

import (
	"context"
	"errors"
	"fmt"

	"github.com/liveorigin/caddy-live-origin/store"
)

// dismiss lets the journal of all nodes drop all but the last record of an endpoint that was taken out of
// the config here, unless another node still has it: nobody else would ever do so.
func (l *ledger) dismiss(endpoint string) {
	if l.nodes.othersHave(endpoint) {
		return
	}
	go func() {
		// The channel may be about to close.
		ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
		defer cancel()
		if err := l.forgetAll(ctx, endpoint); err != nil && !errors.Is(err, store.ErrClosed) {
			l.nodes.channel.outbox.trouble(fmt.Errorf("endpoint %s: shorten the journal of all nodes: %w", endpoint, err))
		}
	}()
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
	peers := readPeers(n.group.Status())
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range peers {
		if _, has := p.state.Endpoints[endpoint]; p.Alive && has && !n.leaving[p.Node] {
			return true
		}
	}
	return false
}
