package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/primer-lm/primer/bench/speed"
)

// Server is a process that serves a model.
type Server struct {
	Name string // as tables call it
	Client

	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // of the process, once ended is closed
	output tail

	stop    chan struct{}
	sampled sync.WaitGroup
	memory  []int64 // resident bytes, once a second
}

// Start starts a server and waits until path answers 200. What it prints is kept for errors, the end of it.
func Start(ctx context.Context, name string, cmd *exec.Cmd, url, path string) (*Server, error) {
	// A connection per request on both sides: llama.cpp's server closes one that is kept at times of its own, also under a request.
	s := &Server{Name: name, Client: Client{URL: url, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}, cmd: cmd,
		ended: make(chan struct{}), stop: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = cmd.Wait()
		close(s.ended)
	}()
	for {
		response, err := s.HTTP.Get(url + path)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				s.sampled.Go(s.sample)
				return s, nil
			}
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("%s ended before it served: %v\n%s", name, s.err, s.output.String())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.Stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// sample notes the memory every second.
func (s *Server) sample() {
	for {
		if bytes := status(s.cmd.Process.Pid, "VmRSS"); bytes > 0 {
			s.memory = append(s.memory, bytes)
		}
		select {
		case <-s.stop:
			return
		case <-time.After(time.Second):
		}
	}
}

// Stop ends the process, by force if it does not go within ten seconds.
func (s *Server) Stop() error {
	close(s.stop)
	s.sampled.Wait()
	s.HTTP.CloseIdleConnections()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
		return fmt.Errorf("%s had to be killed\n%s", s.Name, s.output.String())
	}
}

// Memory gives resident bytes, once a second since Start. Call it after Stop.
func (s *Server) Memory() []int64 { return s.memory }

// status reads a field of /proc/PID/status in bytes, 0 when the process is gone.
func status(pid int, field string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return speed.StatusBytes(string(text), field)
}

// tail keeps the last of what was written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
