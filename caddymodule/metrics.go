package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// The labels of metrics are names of the config and words of fixed lists, never
// part of a URL: what strangers and encoders send must not create new series. Every channel
// has its store as a label, because two stores may have a channel of the same name.

const (
	labelStore    = "store"
	labelChannel  = "channel"
	labelInput    = "input"
	labelEndpoint = "endpoint"
	labelReason   = "reason"
	labelDefect   = "defect"
	labelCode     = "code"
)

// otherReason stands for reasons that are in no list.
const otherReason = "other"

// ingestStatuses are the answers that encoders get.
var ingestStatuses = []int{200, 201, 204, 400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 507}

// commonFailoverReasons are those that a channel's counters begin with.
var commonFailoverReasons = []failover.Reason{
	failover.ReasonMissing, failover.ReasonEnded, failover.ReasonNewGeneration, failover.ReasonManual,
	failover.ReasonPreferred, failover.ReasonDown,
}

// missedReasons are why a segment that was listed can be missing: what no playlist lists,
// and what the encoder itself calls a gap, is not counted.
var missedReasons = append([]failover.Reason{failover.ReasonNotArrived}, failover.Faults()...)

// bounded is the reason as a label: one that is not known is "other".
func bounded(known []failover.Reason, reason failover.Reason) string {
	if slices.Contains(known, reason) {
		return string(reason)
	}
	return otherReason
}

// counted holds the counters of the process. Caddy makes a new registry for every config,
// and each of them gets these same counters, so that they survive a reload.
var counted = counters{
	ingestBytes: counter("ingest_bytes_total",
		"Bytes of uploads, after decompression, those of refused uploads included.",
		labelStore, labelChannel, labelInput),
	ingestRequests: counterByWord("ingest_requests_total",
		"Requests of encoders by HTTP status code.",
		labelStore, labelChannel, labelInput, labelCode),
	strayUploads: counter("stray_uploads_total",
		"Uploads to paths outside every input that no other handler answered."),
	downloadsCut: counterByWord("downloads_cut_total",
		"Downloads of segments that were cut off, by reason: too_slow (longer than any player may take), room_needed (the segment had left the playlist long ago and the store needed its room).",
		labelStore, labelChannel, labelEndpoint, labelReason),
	segmentsMissed: counterByWord("segments_missed_total",
		"Segments that an input delivered unsound or listed and never delivered, whether or not a viewer noticed.",
		labelStore, labelChannel, labelInput, labelReason),
	failovers: counterByWord("failovers_total",
		"Changes of an endpoint's active input.",
		labelStore, labelChannel, labelEndpoint, labelReason),
	slotsPublished: counter("slots_published_total",
		"Output segments that were published.",
		labelStore, labelChannel, labelEndpoint),
	defects: counterByWord("defects_total",
		"Segments that arrived and are not good, by what is bad about them; slow counts how often it began.",
		labelStore, labelChannel, labelInput, labelDefect),
	slotsBySource: counter("slots_by_source_total",
		"Output segments by the input that their media came from; one of several inputs counts for each.",
		labelStore, labelChannel, labelEndpoint, labelInput),
	slotsPatched: counter("slots_patched_total",
		"Output segments that no input had whole, and that several locked ones made together.",
		labelStore, labelChannel, labelEndpoint),
	gaps: counter("gaps_total",
		"Segments of renditions that are listed as gaps (EXT-X-GAP), because no input that could serve them had them in time.",
		labelStore, labelChannel, labelEndpoint),
	slotsGivenUp: counter("slots_given_up_total",
		"Output segments that no input delivered in time.",
		labelStore, labelChannel, labelEndpoint),
	publishLateness: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: "live_origin", Name: "slot_publish_lateness_seconds",
		Help:    "How long after it was due an output segment was published; 0 if it was early. It includes time_delay.",
		Buckets: []float64{0, 0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 15, 30, 60},
	}, []string{labelStore, labelChannel, labelEndpoint}),
}

type counters struct {
	ingestBytes, ingestRequests, segmentsMissed *tally
	strayUploads, downloadsCut                  *tally
	failovers, slotsPublished, slotsGivenUp     *tally
	slotsBySource, slotsPatched, defects, gaps  *tally
	publishLateness                             *prometheus.HistogramVec
}

// tallies are all counters.
func tallies() []*tally {
	return []*tally{
		counted.ingestBytes, counted.ingestRequests, counted.strayUploads, counted.downloadsCut, counted.segmentsMissed, counted.failovers,
		counted.slotsPublished, counted.slotsBySource, counted.slotsPatched, counted.defects, counted.gaps, counted.slotsGivenUp,
		tolerated, noticed, overLimit, historiesAdopted, messagesLost, uploadsMissed,
	}
}

// forgetMetrics ends the series of a channel that is no longer there. Those of inputs and endpoints stay as
// long as the channel does: one that comes back counts on.
func forgetMetrics(key channelKey) {
	labels := prometheus.Labels{labelStore: key.store, labelChannel: key.name}
	for _, t := range tallies() {
		t.Forget(labels)
	}
	counted.publishLateness.DeletePartialMatch(labels)
}

// registerMetrics makes the metrics part of a config's registry.
func registerMetrics(registry *prometheus.Registry) error {
	counted.strayUploads.Begin()
	collectors := []prometheus.Collector{counted.publishLateness, &currentState}
	for _, t := range tallies() {
		collectors = append(collectors, t)
	}
	for _, c := range collectors {
		var known prometheus.AlreadyRegisteredError
		if err := registry.Register(c); err != nil && !(errors.As(err, &known) && known.ExistingCollector == c) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

// meter counts what happens in one channel.
type meter struct{ store, channel string }

// newMeter makes the channel's counters start at zero: if a counter appears with its first
// event, that event is invisible to rate() and increase().
func newMeter(key channelKey, config channel.Config) meter {
	m := meter{store: key.store, channel: key.name}
	for _, in := range config.Inputs {
		counted.ingestBytes.Begin(m.store, m.channel, in.Name)
		m.beginNotices(in.Name)
		for _, d := range failover.Defects() {
			counted.defects.Begin(m.store, m.channel, in.Name, string(d))
		}
		for _, reason := range missedReasons {
			counted.segmentsMissed.Begin(m.store, m.channel, in.Name, string(reason))
		}
		for _, status := range ingestStatuses {
			counted.ingestRequests.Begin(m.store, m.channel, in.Name, strconv.Itoa(status))
		}
	}
	for _, e := range config.Endpoints {
		for _, reason := range commonFailoverReasons {
			counted.failovers.Begin(m.store, m.channel, e.Name, string(reason))
		}
		counted.slotsPublished.Begin(m.store, m.channel, e.Name)
		counted.slotsPatched.Begin(m.store, m.channel, e.Name)
		counted.gaps.Begin(m.store, m.channel, e.Name)
		for _, in := range config.Inputs {
			counted.slotsBySource.Begin(m.store, m.channel, e.Name, in.Name)
		}
		for _, reason := range []string{cutForRoom, cutAsTooSlow} {
			counted.downloadsCut.Begin(m.store, m.channel, e.Name, reason)
		}
		counted.slotsGivenUp.Begin(m.store, m.channel, e.Name)
		counted.publishLateness.WithLabelValues(m.store, m.channel, e.Name)
	}
	return m
}

func (m meter) event(e failover.Effect) {
	switch e := e.(type) {
	case failover.Published:
		m.slot(e.Slot)
	case failover.SegmentMissed:
		counted.segmentsMissed.Inc(m.store, m.channel, e.Input, bounded(missedReasons, e.Missing.Why))
		if d, ok := e.Missing.Defect(); ok {
			counted.defects.Inc(m.store, m.channel, e.Input, string(d))
		}
	case failover.Degraded:
		for _, d := range e.Defects {
			counted.defects.Inc(m.store, m.channel, e.Input, string(d))
		}
	case failover.SlotGivenUp:
		counted.slotsGivenUp.Inc(m.store, m.channel, e.Endpoint)
	}
}

func (m meter) slot(s failover.Slot) {
	counted.slotsPublished.Inc(m.store, m.channel, s.Endpoint)
	if !s.Due.IsZero() {
		// The sum of a histogram must not fall, so early counts as 0.
		late := max(0, s.Published.Sub(s.Due))
		counted.publishLateness.WithLabelValues(m.store, m.channel, s.Endpoint).Observe(late.Seconds())
	}
	counted.gaps.Add(uint64(len(s.Gaps())), m.store, m.channel, s.Endpoint)
	for _, input := range s.MediaFrom() {
		counted.slotsBySource.Inc(m.store, m.channel, s.Endpoint, input)
	}
	if s.Switch.Patched() {
		counted.slotsPatched.Inc(m.store, m.channel, s.Endpoint)
	}
	if s.Switch.Changed() {
		reason := bounded(failover.SwitchReasons(), s.Switch.Reason)
		counted.failovers.Inc(m.store, m.channel, s.Endpoint, reason)
	}
}

// countRequest counts an answer to an encoder.
func (rt *route) countRequest(status int) {
	if rt.use.shared.ended() {
		return // its series have ended, and must not come back
	}
	key := rt.use.key
	counted.ingestRequests.Inc(key.store, key.name, rt.input.Name, strconv.Itoa(status))
}

// countBytes counts what an encoder has sent.
func (rt *route) countBytes(n int64) {
	key := rt.use.key
	counted.ingestBytes.Add(uint64(n), key.store, key.name, rt.input.Name)
}
