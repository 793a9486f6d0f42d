package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options are the limits of a server. A zero field takes DefaultOptions' value.
type Options struct {
	MaxBody      int64 // bytes of a request
	MaxPrompts   int   // of one request
	MaxSequences int   // prompts × n of one request
	MaxDocuments int   // of one /v1/synthesize request

	Queue          int   // sequences that may wait, over all requests, beside those that are computed
	QueueTokens    int64 // tokens, of prompts and asked for, over all requests; 0: four windows for every seat, and at least 1 Mi
	MaxConnections int64 // open at once; what comes above gets 503

	Deadline      time.Duration // of a request from its last byte on
	HeaderTimeout time.Duration // a client has to send its header
	ReadTimeout   time.Duration // and its body
	WriteTimeout  time.Duration // a client has to take what was written
	IdleTimeout   time.Duration // of a kept connection
	DrainTimeout  time.Duration // requests under way have after SIGTERM

	Keys  []string // with any, every route but /healthz wants one of them
	Hosts []string // names by which this server may be called, beside localhost and IP addresses; "*": all

	LogRequests bool // log every request, not only failures
	Log         *slog.Logger
}

// DefaultOptions are the limits where nobody says otherwise.
func DefaultOptions() Options {
	return Options{MaxBody: 8 << 20, MaxPrompts: 64, MaxSequences: 128, MaxDocuments: 64,
		Queue: 256, MaxConnections: 16384,
		Deadline: 10 * time.Minute, HeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, DrainTimeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler)}
}

// ErrOptions is wrapped by errors about limits that cannot be.
var ErrOptions = errors.New("server options")

const (
	maxStops      = 16
	maxStopBytes  = 1024
	maxMessages   = 256
	maxBias       = 1024
	maxName       = 256      // bytes of a model's name in a request
	maxHeader     = 60 << 10 // net/http adds 4 KiB
	maxKeyBytes   = 1024
	shareOfOneKey = 2 // with several keys, one may take 1/2 of the queue
)

// resolve fills in the defaults.
func (o Options) resolve() (Options, error) {
	d := DefaultOptions()
	o.MaxBody, o.MaxPrompts, o.MaxSequences = or(o.MaxBody, d.MaxBody), or(o.MaxPrompts, d.MaxPrompts), or(o.MaxSequences, d.MaxSequences)
	o.MaxDocuments, o.Queue = or(o.MaxDocuments, d.MaxDocuments), or(o.Queue, d.Queue)
	o.MaxConnections, o.Deadline, o.HeaderTimeout = or(o.MaxConnections, d.MaxConnections), or(o.Deadline, d.Deadline), or(o.HeaderTimeout, d.HeaderTimeout)
	o.ReadTimeout, o.WriteTimeout, o.IdleTimeout = or(o.ReadTimeout, d.ReadTimeout), or(o.WriteTimeout, d.WriteTimeout), or(o.IdleTimeout, d.IdleTimeout)
	o.DrainTimeout = or(o.DrainTimeout, d.DrainTimeout)
	if o.Log == nil {
		o.Log = d.Log
	}
	for name, v := range map[string]int64{"body": o.MaxBody, "prompts": int64(o.MaxPrompts), "sequences": int64(o.MaxSequences),
		"documents": int64(o.MaxDocuments), "queue": int64(o.Queue), "queued tokens": o.QueueTokens, "connections": o.MaxConnections,
		"deadline": int64(o.Deadline), "header timeout": int64(o.HeaderTimeout), "read timeout": int64(o.ReadTimeout),
		"write timeout": int64(o.WriteTimeout), "idle timeout": int64(o.IdleTimeout), "drain timeout": int64(o.DrainTimeout)} {
		if v < 0 {
			return o, fmt.Errorf("%w: %s is %d", ErrOptions, name, v)
		}
	}
	for _, k := range o.Keys {
		if len(k) < 8 || len(k) > maxKeyBytes {
			return o, fmt.Errorf("%w: an API key has %d bytes, must have 8 to %d", ErrOptions, len(k), maxKeyBytes)
		}
	}
	return o, nil
}

func or[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
