//go:build unix

package natstest

import (
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Distance is a way to servers over a network that takes time and loses packets: TCP sends what is
// lost again, and what is behind it waits.
type Distance struct {
	t       testing.TB
	delay   time.Duration
	loss    float64
	mu      sync.Mutex
	halted  time.Time // until then nothing arrives
	carried map[net.Conn]bool
}

// Far returns a way over such a network, which ends with the test. delay is how long a packet takes,
// each way, and loss how many of all packets are lost, 0 to 1.
func Far(t testing.TB, delay time.Duration, loss float64) *Distance {
	d := &Distance{t: t, delay: delay, loss: loss, carried: map[net.Conn]bool{}}
	t.Cleanup(d.cut)
	return d
}

// To returns the URL of a server as it is seen from far away.
func (d *Distance) To(server string) string {
	d.t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		d.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go d.connect(near, target.Host)
		}
	}()
	return "nats://" + l.Addr().String()
}

// ToAll returns the URLs of all servers as they are seen from far away.
func (d *Distance) ToAll(servers []string) (urls []string) {
	d.t.Helper()
	for _, server := range servers {
		urls = append(urls, d.To(server))
	}
	return urls
}

// connect carries a connection. The caller's side is connected at once already; the server's is when
// its SYN has arrived.
func (d *Distance) connect(near net.Conn, host string) {
	time.Sleep(2 * d.delay)
	far, err := net.Dial("tcp", host)
	if err != nil {
		near.Close()
		return
	}
	d.mu.Lock()
	d.carried[near], d.carried[far] = true, true
	d.mu.Unlock()
	go d.carry(near, far)
	d.carry(far, near)
}

// cut breaks all connections.
func (d *Distance) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.carried {
		c.Close()
	}
}

// Halt lets nothing arrive for a while; then all that was sent does.
func (d *Distance) Halt(duration time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.halted = time.Now().Add(duration)
}

// parcel is bytes on their way.
type parcel struct {
	bytes []byte
	due   time.Time
}

func (d *Distance) carry(from, to net.Conn) {
	way := make(chan parcel, 4096)
	go func() {
		defer to.Close()
		for p := range way {
			time.Sleep(time.Until(p.due))
			d.mu.Lock()
			halted := d.halted
			d.mu.Unlock()
			time.Sleep(time.Until(halted))
			if _, err := to.Write(p.bytes); err != nil {
				break
			}
		}
		for range way { // nobody takes it any more
		}
	}()
	defer func() {
		close(way)
		from.Close()
		d.mu.Lock()
		delete(d.carried, from)
		d.mu.Unlock()
	}()
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		way <- parcel{b[:n], time.Now().Add(d.time(n))}
	}
}

// time is how long so many bytes take.
func (d *Distance) time(bytes int) time.Duration {
	packets := 1 + bytes/1460
	if rand.Float64() <= math.Pow(1-d.loss, float64(packets)) {
		return d.delay
	}
	if packets > 3 {
		return 3 * d.delay // the packets behind it tell
	}
	return d.delay + 200*time.Millisecond // nothing is behind it: the sender's timer tells
}
