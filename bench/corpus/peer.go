package corpus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// Job is what a peer is to hold; one line of JSON, answered by a Ready. Then each Turn is answered by a Took.
type Job struct {
	Kind      string `json:"kind"` // train, tokenize, pipeline, minhash
	Mode      string `json:"mode"` // the peer's own way
	Texts     string `json:"texts"`
	Examples  string `json:"examples"`
	Tokenizer string `json:"tokenizer"`
	Work      string `json:"work"` // a folder for what it writes
	Threads   int    `json:"threads"`
}

// Ready is the answer to a Job.
type Ready struct {
	Side     string   `json:"side"`
	Settings []string `json:"settings"`
	Error    string   `json:"error"`
}

// Took is the answer to a turn.
type Took struct {
	Seconds float64 `json:"seconds"`
	Texts   int64   `json:"texts"`
	Tokens  int64   `json:"tokens"` // 0 where they are not counted
	Peak    int64   `json:"peak"`   // bytes resident at most
	Error   string  `json:"error"`
}

// Peer is a Python process.
type Peer struct {
	Ready Ready
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

// StartPeer runs a command and waits until it holds its job.
func StartPeer(cmd *exec.Cmd, job Job) (*Peer, error) {
	p := &Peer{cmd: cmd}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(pipe, 1<<16)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	err = p.ask(job, &p.Ready)
	if err == nil && p.Ready.Error != "" {
		err = errors.New(p.Ready.Error)
	}
	if err != nil {
		p.cmd.Process.Kill() // the error that counts is err
		p.cmd.Wait()
		return nil, fmt.Errorf("%s %s: %w", job.Kind, job.Mode, err)
	}
	return p, nil
}

// Turn has the peer do its work once.
func (p *Peer) Turn() (Took, error) {
	var took Took
	err := p.ask(struct {
		Work  string `json:"work"`
		Count int    `json:"count"`
	}{"", 1}, &took)
	if err == nil && took.Error != "" {
		err = errors.New(took.Error)
	}
	if err == nil && !(took.Seconds > 0) {
		err = fmt.Errorf("it took %v seconds", took.Seconds)
	}
	return took, err
}

// Close ends the process.
func (p *Peer) Close() error {
	p.in.Close()
	return p.cmd.Wait()
}

func (p *Peer) ask(question, answer any) error {
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return err
	}
	for {
		line, err := p.out.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("it ended before its answer: %w", err)
		}
		if line[0] == '{' { // anything else is chatter
			return json.Unmarshal(line, answer)
		}
	}
}
