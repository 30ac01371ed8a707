package channel

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/output"
	"github.com/liveorigin/caddy-live-origin/store"
)

// An upload is acknowledged by the node that took it, and told to the others, which fetch
// the bytes and take it as if it had come to them. So every node sees the same with its own
// eyes: the rest of the channel does not know where an upload came from.

// replica is an upload that another node took.
type replica struct {
	from    string
	upload  uploadMessage
	began   time.Time
	fetched chan error // nil for a text
}

// replicas are those of one input. They are taken one after the other, in the order in which they
// were told, although they are fetched side by side: what a segment means may depend on the
// one before.
type replicas struct {
	queue   []*replica
	running bool
}

// replicasAtMost is how many may wait. What is beyond is dropped: the node is far behind, and the
// other inputs or what it is told later have to do.
const replicasAtMost = 4096

var errBehind = errors.New("this node can't keep up")

// missed reports an upload that another node took and this one does not have.
func (n *nodes) missed(from string, u uploadMessage, err error) {
	n.channel.outbox.node(NodeEvent{Kind: UploadMissed, Node: from, Input: u.Input, Path: u.Path, Err: err})
}

// replicate takes over an upload of another node.
func (n *nodes) replicate(from string, u uploadMessage) {
	in := n.channel.directory.Load().inputs[u.Input]
	if in == nil {
		return // the config of that node is another one
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.queues[u.Input]
	if q == nil {
		q = &replicas{}
		n.queues[u.Input] = q
	}
	if len(q.queue) >= replicasAtMost {
		n.missed(from, u, errBehind)
		return
	}
	r := &replica{from: from, upload: u, began: in.begin(u.Path)}
	if u.Key != "" {
		r.fetched = make(chan error, 1)
		go func() { r.fetched <- n.fetch(u.Input, u.Key, u.Size, from) }()
	}
	q.queue = append(q.queue, r)
	if !q.running {
		q.running = true
		go n.takeReplicas(in, q)
	}
}

// fetch brings an object to this node, which an input has just delivered.
func (n *nodes) fetch(input, key string, size int64, from string) error {
	n.fetching <- struct{}{}
	defer func() { <-n.fetching }()
	defer n.makeRoom(input, size)()
	return n.fetchOne(store.Urgent(context.Background()), key, size, from)
}

// makeRoom makes room for an object, and returns what gives it back.
func (n *nodes) makeRoom(input string, size int64) (release func()) {
	room := n.room.Load()
	if room == nil || size <= 0 {
		return func() {}
	}
	return (*room)(input, size)
}

func (n *nodes) fetchOne(ctx context.Context, key string, size int64, from string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	return n.group.Fetch(ctx, key, size, from)
}

func (n *nodes) takeReplicas(in *input, q *replicas) {
	for {
		n.mu.Lock()
		if len(q.queue) == 0 {
			q.running = false
			n.mu.Unlock()
			return
		}
		r := q.queue[0]
		q.queue = q.queue[1:]
		n.mu.Unlock()
		// What is gone was of no use any more to the node that took it.
		if err := n.takeReplica(in, r); err != nil && !errors.Is(err, store.ErrNotFound) {
			n.missed(r.from, r.upload, err)
		}
	}
}

func (n *nodes) takeReplica(in *input, r *replica) (err error) {
	u := r.upload
	d := &delivery{input: in, config: in.config.Load(), path: u.Path, began: r.began, size: u.Size, hash: u.Hash}
	d.turn = Turn{of: in.turns}
	defer d.turn.Give()
	var admit func() error
	defer func() {
		if trouble := recover(); trouble != nil { // there is no server around it that would do so
			err = fmt.Errorf("panic: %v", trouble)
		}
		if refused := n.channel.finish(d, admit); err == nil {
			err = refused
		}
	}()
	if r.fetched == nil {
		text, err := unpack(u, d.config.MaxPlaylistSize)
		if err != nil {
			return err
		}
		d.size, d.body = int64(len(text)), sniffed{rest: bytes.NewReader(text)}
		admit, _, err = d.take(context.Background())
		return err
	}
	if err := <-r.fetched; err != nil {
		return err
	}
	n.group.Send(message{Held: u.Key}.encode())
	if ob := n.channel.objects.get(u.Key); ob != nil && ob.info != nil {
		return nil // it came with the journals of another node already
	}
	admit, err = d.takeFetched(u.Key)
	return err
}

// packedFrom is from what length on texts are compressed on their way: each goes to every node
// twice.
const packedFrom = 8 << 10

func unpack(u uploadMessage, limit int64) ([]byte, error) {
	if !u.Packed {
		return u.Text, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(u.Text))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return text, nil
}

// takeFetched takes an object that is in the store already.
func (d *delivery) takeFetched(key string) (admit func() error, err error) {
	object, err := d.input.store.Open(store.Urgent(context.Background()), key)
	if err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	defer object.Close()
	prober := d.probing()
	if _, err := object.WriteTo(prober); err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	probed, err := prober.Finish()
	d.learnTables(probed, err)
	if err != nil {
		// The node that took it will say so as well.
		_ = d.input.store.Delete(context.Background(), key)
		return nil, refusalOf(err)
	}
	d.input.objects.supplyFor(probed.Info)
	d.key, d.size = key, object.Size()
	d.input.objects.receive(d.config.Name, key, d.size)
	d.input.keepObject(d.path, key, d.hash)
	return func() error {
		d.receive(probed)
		return nil
	}, nil
}

// safekeeping is an upload to this node that waits until another node has it too.
type safekeeping struct {
	timer *time.Timer
	then  func()
}

// How long to wait for another node to have what was uploaded to this one: holdTime, and holdTrips
// times as long as the way to it and back takes, but no longer than holdAtMost. If none has it by
// then, it is used all the same.
const (
	holdTime   = 250 * time.Millisecond
	holdTrips  = 4
	holdAtMost = time.Second
)

// holdingTime is that for a node to which messages are under way for so long.
func holdingTime(delay time.Duration) time.Duration {
	return min(holdTime+holdTrips*2*delay, holdAtMost)
}

// tell tells the other nodes of an upload that has ended. admit passes it on to the core; if tell
// returns true, that is done later, once the media is safe: what viewers have seen must not
// be gone with one machine.
func (n *nodes) tell(d *delivery, admit func() error, err error) (later bool) {
	n.heard(d.input.name)
	u := &uploadMessage{Input: d.input.name, Path: d.path}
	switch {
	case d.fault != "":
		n.group.Send(message{Unsound: &unsoundMessage{Input: u.Input, Path: u.Path, Fault: d.fault}}.encode())
		return false
	case err != nil:
		n.tellEnded(d)
		return false
	case d.key == "":
		if u.Text, u.Packed = d.text, len(d.text) >= packedFrom; u.Packed {
			u.Text = output.Gzip(d.text)
		}
		n.group.Send(message{Upload: u}.encode())
		return false
	}
	u.Key, u.Size, u.Hash = d.key, d.size, d.hash
	delay, there := n.nearest()
	if !there {
		n.group.Send(message{Upload: u}.encode())
		return false
	}
	n.mu.Lock()
	n.held[d.key] = &safekeeping{
		then:  func() { _ = n.channel.finish(d, admit) },
		timer: time.AfterFunc(holdingTime(delay), func() { n.safe(d.key) }),
	}
	n.mu.Unlock()
	n.group.Send(message{Upload: u}.encode())
	return true
}

// drain says goodbye, and waits until other nodes have what was uploaded to this one and what it has
// decided, or can't be waited for. It decides nothing more: they would hear that this node is gone,
// and decide the same again, before they hear of it.
func (n *nodes) drain() {
	n.locked(func() { n.stopping = true })
	n.group.Send(message{Leaving: true}.encode())
	delay, _ := n.nearest()
	for range int(holdingTime(delay) / drainStep) {
		n.mu.Lock()
		waiting := len(n.held)
		n.mu.Unlock()
		if waiting == 0 && n.followed() {
			return
		}
		time.Sleep(drainStep)
	}
}

// followed reports whether the nodes that are ready have all that this one has, by what they said of
// themselves last.
func (n *nodes) followed() bool {
	endpoints := n.channel.directory.Load().endpoints
	for _, p := range n.readPeers(n.group.Status()) {
		if !p.ready {
			continue
		}
		for name, e := range endpoints {
			if at := e.standing.Load(); at != nil && p.state.Endpoints[name].Link.Number < at.Link.Number {
				return false
			}
		}
	}
	return true
}

// drainStep is how often to look.
const drainStep = 10 * time.Millisecond

// safe says that an object is where it can't be lost, or was waited for long enough.
func (n *nodes) safe(key string) {
	n.mu.Lock()
	s := n.held[key]
	delete(n.held, key)
	n.mu.Unlock()
	if s == nil {
		return
	}
	s.timer.Stop()
	s.then()
}

var _ store.Member = (*nodes)(nil)
