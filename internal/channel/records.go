package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node answers who asks for what an endpoint's history holds.

// records answers a question for what an endpoint's history holds.
func (n *nodes) records(ctx context.Context, q recordsQuestion) (recordsAnswer, error) {
	var answer recordsAnswer
	found, all := false, false
	n.locked(func() {
		e := n.channel.endpoints[q.Endpoint]
		if e == nil || len(e.chain.recent) == 0 {
			return
		}
		found = true
		first := e.chain.recent[0].Link.Number
		if all = q.After+1 >= first; all {
			list := e.chain.recent[min(q.After+1-first, uint64(len(e.chain.recent))):]
			answer.Records = slices.Clone(list)
		}
	})
	switch {
	case !found:
		return answer, store.ErrNotFound
	case all:
		return answer, nil
	}
	return n.olderRecords(ctx, q)
}

// olderRecords reads them from the journal, without the lock: from about as far before its end as there are
// records between. Those of a startover window of days are hundreds of thousands.
func (n *nodes) olderRecords(ctx context.Context, q recordsQuestion) (recordsAnswer, error) {
	var answer recordsAnswer
	n.channel.writeAll()
	journal, last, err := n.journalIn(ctx, n.channel.journals, "/"+q.Endpoint)
	if err != nil {
		return answer, err
	}
	aside := n.lastNumber(q.Endpoint) - q.After + revisionsAside
	size := 0
	err = journal.Read(ctx, max(last, aside)-aside, func(_ uint64, text []byte) error {
		at, err := linkOf(text)
		if err != nil || at == nil || at.Number <= q.After {
			return err
		}
		if size > answerSize {
			answer.More = true
			return errEnough
		}
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		size += len(text)
		answer.Records = append(answer.Records, r)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return answer, err
	}
	answer.Records = valid(answer.Records)
	return answer, nil
}

// valid leaves out the records that others of a journal have replaced: where a node went over to another
// history, what it had before is still there, and one with the same number comes after it.
func valid(list []record) []record {
	var kept []record
	for _, r := range list {
		if r.Link == nil {
			break
		}
		for len(kept) > 0 && kept[len(kept)-1].Link.Number >= r.Link.Number {
			kept = kept[:len(kept)-1]
		}
		kept = append(kept, r)
	}
	return kept
}
