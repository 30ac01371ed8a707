package e2e

import (
	"sync"
	"time"
)

// machine notes how late this machine wakes those who sleep: what it owes to the
// tests, the origin does not owe to its viewers.
var machine = watchMachine()

type machineDelays struct {
	mu     sync.Mutex
	delays []machineDelay
}

type machineDelay struct {
	until time.Time
	by    time.Duration
}

func watchMachine() *machineDelays {
	m := &machineDelays{}
	go func() {
		for {
			want := time.Now().Add(5 * time.Millisecond)
			time.Sleep(time.Until(want))
			now := time.Now()
			if by := now.Sub(want); by > 5*time.Millisecond {
				m.mu.Lock()
				m.delays = append(m.delays, machineDelay{now, by})
				m.mu.Unlock()
			}
		}
	}()
	return m
}

// around is the longest delay within a tenth of a second of a point in time.
func (m *machineDelays) around(t time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most time.Duration
	for _, d := range m.delays {
		if d.until.After(t.Add(-100*time.Millisecond)) && d.until.Add(-d.by).Before(t.Add(100*time.Millisecond)) {
			most = max(most, d.by)
		}
	}
	return most
}

// between is the longest delay between two points in time.
func (m *machineDelays) between(from, to time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most time.Duration
	for _, d := range m.delays {
		if d.until.After(from) && d.until.Add(-d.by).Before(to) {
			most = max(most, d.by)
		}
	}
	return most
}
