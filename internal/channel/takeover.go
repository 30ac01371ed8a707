package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/liveorigin/caddy-live-origin/store"
)

// How a node that starts takes over what the others have: it copies their journals, and goes
// on with them as if they were its own from before a restart. Objects follow when they are
// asked for, and in the background, the newest first.

const (
	// contactTimeout is how long a node that starts waits for the others to be heard, and
	// readyTimeout for one that starts at the same time to be ready.
	contactTimeout = 1500 * time.Millisecond
	readyTimeout   = 3 * time.Second
	// leadTimeout is how long it waits for one that starts and has come farther than this one.
	leadTimeout = 30 * time.Second
	// introduction is how long others take to be heard once there is contact.
	introduction = 300 * time.Millisecond
	// pageTimeout is how long a page of a journal may take, and takeOverAttempts how often
	// copying is tried. All of it takes as long as it takes: a startover window of days is
	// hundreds of pages.
	pageTimeout, takeOverAttempts = 15 * time.Second, 3
	// revisionsAside is how far from where it should be a record is looked for: where a node
	// went over to another history, its journal has left some records out.
	revisionsAside = 512
)

// arrivedMedia is how the name of the journal of arrivals ends.
const arrivedMedia = "/arrived.media"

// takeOver copies the journals of a node that is ready, if there is one, and else goes on with what all
// nodes have written, as far as this node has not got that.
func (n *nodes) takeOver(ctx context.Context, endpoints []EndpointConfig) {
	n.readEnds(ctx, endpoints)
	defer n.readEnds(ctx, endpoints)
	for range takeOverAttempts {
		node := n.waitForReady(ctx)
		if node == "" {
			break
		}
		err := n.copyJournals(ctx, node, endpoints)
		if err == nil {
			n.channel.objects.elsewhere = true
			return
		}
		// It may have died meanwhile. Another one will do, or what is here.
		n.channel.outbox.trouble(fmt.Errorf("take over from node %s: %w", node, err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(introduction):
		}
	}
	if n.group.Status().Contact == store.InContact {
		n.readEnds(ctx, endpoints) // copying may have ended in the middle
		n.recallHistories(ctx, endpoints)
	}
}

// waitForReady returns a node that is ready, empty if there is none. What it has published is what
// viewers of this node will get, and most of them have got what the history says: if there are
// several, it is the one that has published the least else.
func (n *nodes) waitForReady(ctx context.Context) string {
	began := time.Now()
	for {
		status := n.group.Status()
		alive, first, behind := 0, true, false
		ready, apart := "", 0
		for _, p := range n.readPeers(status) {
			if !p.Alive {
				continue
			}
			alive++
			lead := n.lead(p)
			behind = behind || lead > 0
			first = first && (lead < 0 || lead == 0 && n.group.Node() < p.Node)
			if other := p.state.apart(); p.ready && (ready == "" || other < apart) {
				ready, apart = p.Node, other
			}
		}
		waited := time.Since(began)
		switch {
		case ready != "" && (apart == 0 || waited > introduction):
			return ready
		case ready != "": // others may not have been heard yet
		case status.Contact == store.Alone, status.Contact != store.InContact && waited > contactTimeout:
			return ""
		case status.Contact == store.InContact && (alive == 0 || first) && waited > introduction && time.Since(status.Since) > introduction:
			return "" // of several that start together, the one that has come farthest begins, or the first one
		case waited > readyTimeout && !behind, waited > leadTimeout:
			return ""
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// copyJournals replaces this node's journals by those of another one. That of an endpoint comes from
// another node that has its history, if that one has none: the config of nodes may differ for a while.
func (n *nodes) copyJournals(ctx context.Context, node string, endpoints []EndpointConfig) error {
	// Copying takes its time. Who is gone after that did have the history, which is not to begin anew.
	keepers := make([]string, len(endpoints))
	for i, e := range endpoints {
		keepers[i] = n.keeper(e.Name, node)
	}
	for _, name := range []string{StandingFacts, arrivedMedia} {
		if err := n.copyJournal(ctx, node, name); err != nil {
			return err
		}
	}
	for i, e := range endpoints {
		if keepers[i] == "" {
			continue // what this node has is all there is
		}
		if err := n.copyJournal(ctx, keepers[i], "/"+e.Name); err != nil {
			return err
		}
	}
	return nil
}

// beginEmpty empties the journal of an endpoint that comes (back) into the config of a running channel, if
// another node has its history: this one gets all of that, and not what comes after its own last record.
func (n *nodes) beginEmpty(ctx context.Context, endpoint string) error {
	if !n.ready.Load() || n.keeper(endpoint, "") == "" {
		return nil
	}
	journal, last, err := n.journalIn(ctx, n.channel.journals, "/"+endpoint)
	if err != nil {
		return err
	}
	return journal.Forget(ctx, last+1)
}

// takeUp begins to take over the histories of endpoints that the channel did not have, if others do: at
// once, and not with their next slot. The lock is held.
func (n *nodes) takeUp(had map[string]*endpoint) {
	peers := n.readPeers(n.group.Status())
	for name, e := range n.channel.endpoints {
		if had[name] != nil || !n.ready.Load() {
			continue
		}
		n.goBeyond(e, peers) // it, or another one, may have had the endpoint before
		n.compare(e, peers)
	}
}

// keeper is a node that is ready and has the history of an endpoint, best this one; empty if none has.
func (n *nodes) keeper(endpoint, best string) (node string) {
	for _, p := range n.readPeers(n.group.Status()) {
		if p.ready && p.state.Endpoints[endpoint].Link.Number > 0 && (node == "" || p.Node == best) {
			node = p.Node
		}
	}
	return node
}

// copyJournal makes one of this node's journals that of another node. If it is an earlier state of
// that, only what comes after is copied; else it is replaced.
func (n *nodes) copyJournal(ctx context.Context, node, name string) error {
	journal, last, err := n.journalIn(ctx, n.channel.journals, name)
	if err != nil {
		return err
	}
	has, err := lastLink(ctx, journal, last)
	if err != nil {
		return err
	}
	q := journalQuestion{Name: name, Has: has}
	if q.From, err = firstNumber(ctx, journal); err != nil {
		return err
	}
	for first, more := true, true; more; first = false {
		answer, err := n.askPage(ctx, node, q)
		if err != nil {
			return err
		}
		n.noteFirst(strings.TrimPrefix(name, "/"), answer.First)
		if first && !answer.Continues {
			if err := journal.Forget(ctx, last+1); err != nil {
				return err
			}
		}
		if last, err = journal.Append(ctx, last, answer.Records...); err != nil {
			return err
		}
		q = journalQuestion{Name: name, After: answer.Last}
		more = answer.More && len(answer.Records) > 0
	}
	return nil
}

func (n *nodes) askPage(ctx context.Context, node string, q journalQuestion) (answer journalAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	err = n.ask(ctx, node, question{Journal: &q}, &answer)
	return answer, err
}

// lastLink is the link of a journal's last record, nil if it has none.
func lastLink(ctx context.Context, journal store.Journal, last uint64) (at *link, err error) {
	err = journal.Read(ctx, max(last, 1)-1, func(_ uint64, text []byte) error {
		at, err = linkOf(text)
		return err
	})
	return at, err
}

// firstNumber is the number of the first record that a journal still has; 0 if it has none with a number.
func firstNumber(ctx context.Context, journal store.Journal) (number uint64, err error) {
	err = journal.Read(ctx, 0, func(_ uint64, text []byte) error {
		at, err := linkOf(text)
		if err != nil || at == nil {
			return err
		}
		number = at.Number
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return number, err
}

// linkOf is the link of a record, nil if it has none.
func linkOf(text []byte) (*link, error) {
	var r struct {
		Link *link `json:"link"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return r.Link, nil
}

// find looks for the record with this link in a journal: about as far from its end as there are
// records between it and the last one of the endpoint's history.
func (n *nodes) find(ctx context.Context, journal store.Journal, endpoint string, has link) (revision uint64, found bool, err error) {
	last, err := journal.Last(ctx)
	number := n.lastNumber(endpoint)
	if err != nil || number < has.Number {
		return 0, false, err
	}
	aside := number - has.Number + revisionsAside
	err = journal.Read(ctx, max(last, aside)-aside, func(at uint64, text []byte) error {
		l, err := linkOf(text)
		switch {
		case err != nil:
			return err
		case l == nil:
			return nil
		case l.ID == has.ID:
			revision, found = at, true
			return errEnough
		case l.Number > has.Number:
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return revision, found, err
}

// errEnough ends a read.
var errEnough = errors.New("enough")

// lacksMost reports whether whoever asks lacks more of the beginning of a journal, which has records from
// this number on, than it has: it had forgotten them with a channel that was taken out of its config.
func (q journalQuestion) lacksMost(first uint64) bool {
	return q.From > first && q.From-first > q.Has.Number-q.From
}

// journal answers a question for one of this node's journals.
func (n *nodes) journal(ctx context.Context, q journalQuestion) (journalAnswer, error) {
	var answer journalAnswer
	if !store.ValidKey(n.channel.name + q.Name) {
		return answer, store.ErrKey
	}
	n.channel.writeAll()
	journal, err := n.channel.journals.Journal(ctx, n.channel.name+q.Name)
	if err != nil {
		return answer, err
	}
	if q.Has != nil {
		revision, found, err := n.find(ctx, journal, strings.TrimPrefix(q.Name, "/"), *q.Has)
		if err != nil {
			return answer, err
		}
		first, err := firstNumber(ctx, journal)
		if err != nil {
			return answer, err
		}
		if found && !q.lacksMost(first) {
			q.After, answer.Continues = revision, true
		}
	}
	answer.First = n.firstSlot(strings.TrimPrefix(q.Name, "/"))
	size := 0
	err = journal.Read(ctx, q.After, func(revision uint64, record []byte) error {
		if size > answerSize {
			answer.More = true
			return errEnough
		}
		answer.Records = append(answer.Records, append([]byte(nil), record...))
		answer.Last = revision
		size += len(record)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return answer, err
	}
	return answer, nil
}
