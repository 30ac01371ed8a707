package caddymodule

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// tally is a family of counters, as prometheus.CounterVec is. A channel has some 150 of them, most of
// which stay at zero, and CounterVec takes 700 bytes for each. Here it is eight: series that
// differ only in the last label, if its values are words of a short list, share the rest.
type tally struct {
	desc   *prometheus.Desc
	labels []string
	// byWord: the last label is a word.
	byWord bool
	// order is the labels' order by name, in which series have them.
	order []int

	mu    sync.RWMutex
	words map[string]int // their places in the rows
	list  []string       // of words, by place
	rows  map[tallyKey]*tallyRow
}

const (
	// tallyLabels bounds the labels of a family without the word, tallyWords its words.
	tallyLabels = 4
	tallyWords  = 64
)

type tallyKey [tallyLabels]string

// tallyRow is the counters that differ in the word only.
type tallyRow struct {
	key   tallyKey
	begun *timestamppb.Timestamp

	mu     sync.Mutex
	shown  uint64 // by place: there is such a series
	counts []uint64
}

func counter(name, help string, labels ...string) *tally {
	t := &tally{
		desc: described(name, help, labels...), labels: labels,
		words: map[string]int{}, rows: map[tallyKey]*tallyRow{},
	}
	for i := range labels {
		t.order = append(t.order, i)
	}
	slices.SortFunc(t.order, func(i, j int) int { return strings.Compare(labels[i], labels[j]) })
	return t
}

// counterByWord is one whose last label takes few values, such as a reason.
func counterByWord(name, help string, labels ...string) *tally {
	t := counter(name, help, labels...)
	t.byWord = true
	return t
}

// Begin makes a series appear, at zero.
func (t *tally) Begin(values ...string) { t.Add(0, values...) }

// Inc counts one.
func (t *tally) Inc(values ...string) { t.Add(1, values...) }

// Add counts n for the series with these values of the labels.
func (t *tally) Add(n uint64, values ...string) {
	row, place := t.find(values)
	row.mu.Lock()
	defer row.mu.Unlock()
	if place >= len(row.counts) {
		row.counts = append(row.counts, make([]uint64, place+1-len(row.counts))...)
	}
	row.counts[place] += n
	row.shown |= 1 << place
}

// find returns the row of a series and its place there.
func (t *tally) find(values []string) (*tallyRow, int) {
	var key tallyKey
	word := ""
	if t.byWord {
		values, word = values[:len(values)-1], values[len(values)-1]
	}
	copy(key[:], values)
	t.mu.RLock()
	row, there := t.rows[key]
	place, known := t.words[word]
	t.mu.RUnlock()
	if there && known {
		return row, place
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if row = t.rows[key]; row == nil {
		row = &tallyRow{key: key, begun: timestamppb.New(time.Now())}
		t.rows[key] = row
	}
	return row, t.place(word)
}

// place is that of a word. When there are too many, they count as one. The lock is held.
func (t *tally) place(word string) int {
	if place, known := t.words[word]; known {
		return place
	}
	if len(t.list) >= tallyWords-1 && word != otherReason {
		return t.place(otherReason)
	}
	t.words[word] = len(t.list)
	t.list = append(t.list, word)
	return len(t.list) - 1
}

// Forget ends the series with these values of the labels. A family that lacks one of the labels has
// none of them.
func (t *tally) Forget(labels prometheus.Labels) {
	at := map[int]string{}
	for name, value := range labels {
		i := slices.Index(t.labels, name)
		if i < 0 || t.byWord && i == len(t.labels)-1 {
			return
		}
		at[i] = value
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.rows {
		matches := true
		for i, value := range at {
			matches = matches && key[i] == value
		}
		if matches {
			delete(t.rows, key)
		}
	}
}

// Describe implements prometheus.Collector.
func (t *tally) Describe(out chan<- *prometheus.Desc) { out <- t.desc }

// Collect implements prometheus.Collector. Nobody who counts waits for who collects.
func (t *tally) Collect(out chan<- prometheus.Metric) {
	t.mu.RLock()
	words := t.list
	rows := slices.Collect(maps.Values(t.rows))
	t.mu.RUnlock()
	for _, row := range rows {
		row.mu.Lock()
		shown, counts := row.shown, slices.Clone(row.counts)
		row.mu.Unlock()
		for place, n := range counts {
			if shown&(1<<place) != 0 {
				out <- &tallySeries{t, row, words[place], n}
			}
		}
	}
}

// tallySeries is one counter at the moment of a scrape.
type tallySeries struct {
	of    *tally
	row   *tallyRow
	word  string
	count uint64
}

// Desc implements prometheus.Metric.
func (s *tallySeries) Desc() *prometheus.Desc { return s.of.desc }

// Write implements prometheus.Metric.
func (s *tallySeries) Write(out *dto.Metric) error {
	t := s.of
	pairs := make([]dto.LabelPair, len(t.labels))
	out.Label = make([]*dto.LabelPair, len(t.labels))
	for at, i := range t.order {
		value := &s.word
		if !t.byWord || i < len(t.labels)-1 {
			value = &s.row.key[i]
		}
		pairs[at].Name, pairs[at].Value = &t.labels[i], value
		out.Label[at] = &pairs[at]
	}
	value := float64(s.count)
	out.Counter = &dto.Counter{Value: &value, CreatedTimestamp: s.row.begun}
	return nil
}

// Interface guards
var (
	_ prometheus.Collector = (*tally)(nil)
	_ prometheus.Metric    = (*tallySeries)(nil)
)
