package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/serve"
)

// keyVariable holds API keys, so that they stand in no command line that others can see.
const keyVariable = "PRIMER_API_KEY"

// server is the command that answers over HTTP.
type server struct {
	stdio   IO
	load    serve.Load
	opt     serve.Options
	model   string
	addr    string
	keyFile string
	cache   cacheType
}

// Serve is the command that answers requests in OpenAI's form.
func Serve(stdio IO) *cobra.Command {
	s := &server{stdio: stdio, opt: serve.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer completions, chats and synthesis over HTTP, in OpenAI's form",
		Long: "Serve answers /v1/completions, /v1/chat/completions, /v1/models, /tokenize and /detokenize as OpenAI's clients know them, and\n" +
			"/v1/synthesize, which adds instruction–response pairs to texts. A page to try it is at /, the description of all routes at /docs.\n" +
			"It computes and caches in the dtype of the stored weights. SIGTERM ends it: requests under way finish, new ones get 503.\n\n" +
			"API keys come from --api-key-file, one a line, or from " + keyVariable + ". With any, every route but /healthz wants one.",
		Example: "  serve --model DIR\n" +
			"  serve --model DIR --addr 127.0.0.1:9000 --seats 16 --queue 64\n" +
			`  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' -d '{"prompt":"Once","max_tokens":20}'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	f, o, l := cmd.Flags(), &s.opt, &s.load
	f.StringVar(&s.model, "model", "", "the model: a Hugging Face `folder`")
	f.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0: any, printed at start")
	f.StringVar(&l.Name, "name", "", "of the model to clients (default the folder's)")
	f.IntVar(&l.Seats, "seats", 32, "sequences computed side by side")
	f.IntVar(&l.Window, "window", 0, "tokens of prompt and continuation together (default the model's)")
	f.IntVar(&l.StepTokens, "step-tokens", 512, "rows of a step: prompts are read in chunks of that size")
	f.Int64Var(&l.CacheTokens, "cache-tokens", 0, "positions of the KV cache (default every seat's window, at most 65536 but one window)")
	s.cache.bind(cmd)
	f.BoolVar(&l.NoPrefixCache, "no-prefix-cache", false, "compute every prompt from its beginning: slower, but no answer's time tells what others have asked")
	f.IntVar(&o.Queue, "queue", o.Queue, "sequences that may wait beside those that are computed; more get 429")
	f.Int64Var(&o.QueueTokens, "queue-tokens", o.QueueTokens, "tokens of all requests admitted, prompts and asked for; more get 429 (default four windows for every seat, at least 1048576)")
	f.Int64Var(&o.MaxBody, "max-body", o.MaxBody, "`bytes` of a request; more get 413")
	f.IntVar(&o.MaxSequences, "max-choices", o.MaxSequences, "prompts × n of one request")
	f.Int64Var(&o.MaxConnections, "max-connections", o.MaxConnections, "open at once; more get 503")
	f.DurationVar(&o.Deadline, "deadline", o.Deadline, "of a request")
	f.DurationVar(&o.ReadTimeout, "read-timeout", o.ReadTimeout, "a client has to send its body")
	f.DurationVar(&o.HeaderTimeout, "header-timeout", o.HeaderTimeout, "a client has to send its header")
	f.DurationVar(&o.WriteTimeout, "write-timeout", o.WriteTimeout, "a client has to take what was written")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", o.DrainTimeout, "requests under way have after SIGTERM")
	f.StringVar(&s.keyFile, "api-key-file", "", "`file` of API keys, one a line")
	f.StringSliceVar(&o.Hosts, "host", nil, "`name` by which the server may be called, beside localhost and IP addresses; *: any")
	f.BoolVar(&o.LogRequests, "log-requests", false, "log every request, not only failures")
	deviceFlag(cmd, &l.Device)
	return cmd
}

func (s *server) run(ctx context.Context) (err error) {
	if s.model == "" {
		return usage("--model is missing: a Hugging Face folder")
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := s.readKeys(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.addr) // before the model is loaded: an address that is taken is told at once
	if err != nil {
		return usage("--addr %s: %v", s.addr, err)
	}
	defer listener.Close()
	s.load.CacheType = s.cache.String()
	s.opt.Log = slog.New(slog.NewTextHandler(s.stdio.Err, nil))
	parts, err := serve.Open(ctx, s.model, s.load)
	if err != nil {
		return deviceError(s.load.Device, err)
	}
	srv, err := serve.New(parts, s.opt)
	if err != nil {
		return errors.Join(err, parts.Close())
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	s.tell(listener.Addr(), &parts)
	return srv.Serve(ctx, listener)
}

// tell says what runs where, and what everybody on the network may do.
func (s *server) tell(addr net.Addr, parts *serve.Parts) {
	s.stdio.note("serving %s on http://%s (window %d, %d seats)", parts.Name, addr, parts.Window, parts.Seats)
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && len(s.opt.Keys) == 0 {
		s.stdio.note("anybody who reaches %s may use this server: there is no API key (--api-key-file, %s)", addr, keyVariable)
	}
}

func (s *server) check() error {
	o, l := &s.opt, &s.load
	for _, c := range []struct {
		name string
		have int64
	}{{"seats", int64(l.Seats)}, {"step-tokens", int64(l.StepTokens)}, {"queue", int64(o.Queue)}, {"max-body", o.MaxBody},
		{"max-choices", int64(o.MaxSequences)}, {"max-connections", o.MaxConnections}, {"deadline", int64(o.Deadline)}, {"read-timeout", int64(o.ReadTimeout)},
		{"header-timeout", int64(o.HeaderTimeout)}, {"write-timeout", int64(o.WriteTimeout)}, {"drain-timeout", int64(o.DrainTimeout)}} {
		if c.have < 1 {
			return usage("--%s must be above 0", c.name)
		}
	}
	switch {
	case l.Window < 0:
		return usage("--window %d: at least 1", l.Window)
	case o.QueueTokens < 0:
		return usage("--queue-tokens %d: at least 1", o.QueueTokens)
	case l.CacheTokens < 0:
		return usage("--cache-tokens %d: at least 1", l.CacheTokens)
	}
	return nil
}

// readKeys takes the keys of file and environment. An empty file is a mistake, not an open door.
func (s *server) readKeys() error {
	if key := os.Getenv(keyVariable); key != "" {
		s.opt.Keys = append(s.opt.Keys, key)
	}
	if s.keyFile != "" {
		raw, err := os.ReadFile(s.keyFile)
		if err != nil {
			return usage("--api-key-file: %v", err)
		}
		keys := strings.Fields(string(raw))
		if len(keys) == 0 {
			return usage("--api-key-file %s has no key", s.keyFile)
		}
		s.opt.Keys = append(s.opt.Keys, keys...)
	}
	for _, k := range s.opt.Keys {
		if len(k) < 8 {
			return usage("an API key has %d bytes: at least 8", len(k))
		}
	}
	return nil
}
