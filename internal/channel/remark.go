package channel

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Remark is what was noticed about an input or endpoint, when it last was, and how often.
type Remark struct {
	Notice
	Count uint64
}

// remarkKey is what makes two notices one remark.
type remarkKey struct {
	input, endpoint, rendition string
	kind                       NoticeKind
}

const (
	// maxRemarks is how many are kept for one input or endpoint; the oldest go first.
	// Renditions have names that encoders choose.
	maxRemarks = 32
	// remarkAge is how long they are of interest.
	remarkAge = 24 * time.Hour
)

// remarks are what was noticed, for those who look later. They are guarded by
// Channel.mu.
type remarks map[remarkKey]*Remark

// add records what somebody may want to see later.
func (all remarks) add(n Notice) {
	key := remarkKey{n.Input, n.Endpoint, n.Rendition, n.Kind}
	if n.Limited() {
		key.rendition = n.Path
	}
	if r := all[key]; r != nil {
		r.Notice = n
		r.Count++
		return
	}
	all[key] = &Remark{Notice: n, Count: 1}
	var oldest remarkKey
	var at time.Time
	siblings := 0
	for k, r := range all {
		if k.input != key.input || k.endpoint != key.endpoint {
			continue
		}
		if siblings++; at.IsZero() || r.Time.Before(at) {
			oldest, at = k, r.Time
		}
	}
	if siblings > maxRemarks {
		delete(all, oldest)
	}
}

// lately lists what was noticed within the last day, the newest first.
func (all remarks) lately() []Remark {
	var list []Remark
	for key, r := range all {
		if time.Since(r.Time) > remarkAge {
			delete(all, key)
			continue
		}
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Remark) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Rendition, b.Rendition))
	})
	return list
}
