package gpu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// waitDelay is how long the outputs of a process that has ended are read on, where children of its own hold them open.
const waitDelay = 3 * time.Second

// side is a process that answers cases: one JSON object a line each way. Lines of its output that do not begin with a brace are
// chatter of a library and go to the log, as its standard error does.
type side struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	log  *tail
	stop func() bool // forgets the context
}

// startSide runs a command until ctx is done, then kills it with all its children.
func startSide(ctx context.Context, name string, cmd *exec.Cmd) (*side, error) {
	s := &side{name: name, cmd: cmd, log: &tail{}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr, cmd.WaitDelay = s.log, waitDelay
	var err error
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReaderSize(pipe, 1<<16)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.stop = context.AfterFunc(ctx, s.kill)
	return s, nil
}

func (s *side) kill() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) } // it may have ended by itself

// errSide marks a side that is gone: no further case can be asked of it.
var errSide = errors.New("the process ended")

// ask has one case answered. An error that wraps errSide is the last; any other belongs to the case.
func (s *side) ask(c Case) (a Answer, err error) {
	line, err := json.Marshal(c)
	if err != nil {
		return a, err
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return a, s.gone(err)
	}
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			return a, s.gone(err)
		}
		if line[0] != '{' {
			_, _ = s.log.Write(line) // never fails
			continue
		}
		if err := json.Unmarshal(line, &a); err != nil {
			return a, fmt.Errorf("%s: its answer %.200q: %w", s.name, line, err)
		}
		if a.Error != "" {
			return a, fmt.Errorf("%s: %s", s.name, a.Error)
		}
		if err := a.check(c); err != nil {
			return a, fmt.Errorf("%s answers %s with %w", s.name, c.what(), err)
		}
		return a, nil
	}
}

func (s *side) gone(err error) error {
	text := s.log.String()
	if lines := strings.Split(text, "\n"); len(lines) > 6 {
		text = strings.Join(lines[len(lines)-6:], "\n")
	}
	return fmt.Errorf("%s: %w: %w\n%s", s.name, errSide, err, text)
}

// close ends the process: by the end of its input, which it has to notice in the time of the context, and returns what it says.
func (s *side) close() error {
	s.in.Close()                      // a process that is gone has closed its end before
	_, _ = io.Copy(io.Discard, s.out) // Wait must come after the last read; an error means the end as well
	err := s.cmd.Wait()
	s.stop()
	s.kill() // what it may have left: PyTorch compiles in processes of its own
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// runTool runs a command to its end, or until ctx is done, and returns what it printed, both outputs together.
func runTool(ctx context.Context, cmd *exec.Cmd) (output string, err error) {
	log := &tail{keep: toolBytes}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = waitDelay
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	stop()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return log.String(), err
}

// tail keeps the end of what a process printed. Several goroutines may write.
type tail struct {
	mu   sync.Mutex
	keep int // bytes; 0: tailBytes
	text []byte
}

const (
	tailBytes = 16 << 10
	toolBytes = 4 << 20
)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - max(t.keep, tailBytes); extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
