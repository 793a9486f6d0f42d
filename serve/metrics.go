package serve

import (
	"bytes"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/primer-lm/primer/model/generate"
)

// metrics counts what a server does. Labels come from the table of routes, never from a request.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	firstToken prometheus.Histogram
	eachToken  prometheus.Histogram
	prompt     prometheus.Counter
	generated  prometheus.Counter
	refused    prometheus.Counter
	panics     prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "primer_" + name, Help: help})
	}
	histogram := func(name, help string, from, factor float64, n int) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "primer_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(from, factor, n)}
	}
	m := &metrics{registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "primer_http_requests_total",
			Help: "Requests answered, by route and status (499: the client left)."}, []string{"route", "status"}),
		seconds:    prometheus.NewHistogramVec(histogram("http_request_seconds", "From the header to the end of the answer.", 0.001, 4, 10), []string{"route"}),
		firstToken: prometheus.NewHistogram(histogram("first_token_seconds", "From admission to a sequence's first token.", 0.001, 2, 16)),
		eachToken:  prometheus.NewHistogram(histogram("inter_token_seconds", "Between tokens of a sequence.", 0.0005, 2, 14)),
		prompt:     counter("prompt_tokens_total", "Prompt tokens of sequences that were answered."),
		generated:  counter("generated_tokens_total", "New tokens of sequences that were answered."),
		refused:    counter("queue_refused_total", "Requests refused since the queue was full."),
		panics:     counter("panics_total", "Handlers that panicked.")}
	m.registry.MustRegister(m.requests, m.seconds, m.firstToken, m.eachToken, m.prompt, m.generated, m.refused, m.panics,
		engineMetrics{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// request counts one that was answered.
func (m *metrics) request(c *call) {
	name := "none"
	if c.route != nil {
		name = c.route.path
	}
	m.requests.WithLabelValues(name, strconv.Itoa(c.w.status)).Inc()
	m.seconds.WithLabelValues(name).Observe(time.Since(c.began).Seconds())
}

// done counts a sequence that was computed.
func (m *metrics) done(r *generate.Request, out *generate.Result) {
	m.prompt.Add(float64(len(r.Prompt)))
	m.generated.Add(float64(len(out.Tokens)))
}

// engineMetrics reads the engine's own counts when they are asked for.
type engineMetrics struct{ s *Server }

type engineMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(s *Server, st *generate.Stats) float64
}

func engineRow(kind prometheus.ValueType, name, help string, read func(s *Server, st *generate.Stats) float64) engineMetric {
	return engineMetric{prometheus.NewDesc("primer_"+name, help, nil, nil), kind, read}
}

var engineRows = []engineMetric{
	engineRow(gauge, "queue_sequences", "Sequences admitted, computed or waiting.", func(s *Server, _ *generate.Stats) float64 {
		n, _ := s.gate.load()
		return float64(n)
	}),
	engineRow(gauge, "queue_tokens", "Tokens of admitted sequences, prompts and asked for.", func(s *Server, _ *generate.Stats) float64 {
		_, n := s.gate.load()
		return float64(n)
	}),
	engineRow(gauge, "connections", "Open connections.", func(s *Server, _ *generate.Stats) float64 { return float64(s.connections.Load()) }),
	engineRow(gauge, "engine_seats", "Sequences that a batch can have.", func(s *Server, _ *generate.Stats) float64 { return float64(s.parts.Seats) }),
	ofEngine(gauge, "engine_waiting", "Sequences without a place in the batch.", func(st *generate.Stats) int64 { return int64(st.Waiting) }),
	ofEngine(gauge, "engine_running", "Sequences in the batch.", func(st *generate.Stats) int64 { return int64(st.Running) }),
	ofEngine(gauge, "cache_pages", "Pages of the KV cache.", func(st *generate.Stats) int64 { return int64(st.Pages) }),
	ofEngine(gauge, "cache_pages_in_use", "Pages held by sequences under way.", func(st *generate.Stats) int64 { return int64(st.InUse) }),
	ofEngine(count, "cache_found_tokens_total", "Prompt tokens found in the cache.", func(st *generate.Stats) int64 { return st.Cached }),
	ofEngine(count, "engine_steps_total", "Steps computed.", func(st *generate.Stats) int64 { return st.Steps }),
	ofEngine(count, "engine_rows_total", "Tokens computed, prompts and new ones.", func(st *generate.Stats) int64 { return st.Rows }),
	ofEngine(count, "engine_finished_total", "Sequences finished.", func(st *generate.Stats) int64 { return st.Finished }),
	ofEngine(count, "engine_preempted_total", "Times that a sequence gave its pages away.", func(st *generate.Stats) int64 { return st.Preempted }),
}

const gauge, count = prometheus.GaugeValue, prometheus.CounterValue

// ofEngine is a row that the engine alone knows.
func ofEngine(kind prometheus.ValueType, name, help string, read func(*generate.Stats) int64) engineMetric {
	return engineRow(kind, name, help, func(_ *Server, st *generate.Stats) float64 { return float64(read(st)) })
}

// Describe implements prometheus.Collector.
func (engineMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range engineRows {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (e engineMetrics) Collect(ch chan<- prometheus.Metric) {
	st := e.s.parts.Engine.Stats()
	for _, m := range engineRows {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(e.s, &st))
	}
}

// showMetrics writes all of it in Prometheus's form.
func (s *Server) showMetrics(c *call) error {
	families, err := s.metrics.registry.Gather()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	enc := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	return c.bytes(string(format), b.Bytes())
}
