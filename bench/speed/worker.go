package speed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// The conversation with a side is one JSON object a line. It gets a Job and answers with a Ready; then it gets Turns and
// answers each with a Took; at the end of its input it ends. A line of its own with "error" says what went wrong instead.
// Lines that do not begin with a brace are chatter of a library and go to the log.

// Job says what a side is to hold.
type Job struct {
	Kind    string `json:"kind"`    // "train" or "generate"
	Mode    string `json:"mode"`    // the side's own way to compute: "f32", "bf16", "bf16 compiled", …
	Folder  string `json:"folder"`  // Hugging Face folder with the weights: F32 to train, BF16 to generate
	Tokens  string `json:"tokens"`  // file of little-endian int32: rows of T+1 (train) or of Prompt (generate)
	T       int    `json:"t"`       // as in Shape
	Rows    int    `json:"rows"`    //
	Prompt  int    `json:"prompt"`  //
	New     int    `json:"new"`     //
	Seqs    int    `json:"seqs"`    //
	Threads int    `json:"threads"` // that compute

	Rate        float64 `json:"rate"` // of AdamW, constant
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Eps         float64 `json:"eps"`
	WeightDecay float64 `json:"weight_decay"` // on matrices
	Clip        float64 `json:"clip"`         // gradient norm
}

// Ready is the answer to a Job.
type Ready struct {
	Side     string   `json:"side"`     // name, version and what it was built with
	Settings []string `json:"settings"` // what else decides its speed
	Error    string   `json:"error"`
}

// The kinds of work of a turn.
const (
	WorkTrain   = "train"   // Count optimizer steps
	WorkPrefill = "prefill" // Count prompts of T tokens, one after another
	WorkDecode  = "decode"  // Count times: New tokens behind a prompt, of which only the new ones are timed
	WorkBatched = "batched" // the same with Seqs sequences at once
)

// Turn asks for work.
type Turn struct {
	Work  string `json:"work"`
	Count int    `json:"count"`
}

// Took is the answer to a Turn. Memory is that of the process since its first turn ended, so that compiling does not count.
type Took struct {
	Seconds []float64 `json:"seconds"` // of each of Count
	CPU     float64   `json:"cpu"`     // seconds of processor time of all threads, of the whole turn
	Losses  []float64 `json:"losses"`  // of each training step, the mean over its tokens
	Logits  []float64 `json:"logits"`  // prefill: of the last position, the first 64 at most
	Peak    int64     `json:"peak"`    // bytes resident at most
	Base    int64     `json:"base"`    // bytes resident before the model was opened: the interpreter and its libraries
	Error   string    `json:"error"`
}

// Worker is a side's process.
type Worker struct {
	Name  string
	Ready Ready

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *tail
}

// Start runs a command as a side and waits until it is ready.
func Start(name string, cmd *exec.Cmd, job Job) (*Worker, error) {
	w := &Worker{Name: name, cmd: cmd, log: &tail{}}
	var err error
	if w.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = w.log
	w.out = bufio.NewReaderSize(pipe, 1<<16)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := w.ask(job, &w.Ready); err == nil && w.Ready.Error != "" {
		err = errors.New(w.Ready.Error)
		return nil, w.fail(err)
	} else if err != nil {
		return nil, w.fail(err)
	}
	return w, nil
}

// Turn has the side do work.
func (w *Worker) Turn(t Turn) (Took, error) {
	var took Took
	err := w.ask(t, &took)
	if err == nil && took.Error != "" {
		err = errors.New(took.Error)
	}
	if err == nil {
		err = took.check(t)
	}
	if err != nil {
		return took, w.fail(err)
	}
	return took, nil
}

// check refuses an answer that is not one to the question.
func (t *Took) check(turn Turn) error {
	if len(t.Seconds) != turn.Count {
		return fmt.Errorf("%d times were answered to %d of %s", len(t.Seconds), turn.Count, turn.Work)
	}
	for _, s := range t.Seconds {
		if !(s > 0) {
			return fmt.Errorf("%s took %v seconds", turn.Work, s)
		}
	}
	if turn.Work == WorkTrain && len(t.Losses) != turn.Count {
		return fmt.Errorf("%d losses were answered to %d steps", len(t.Losses), turn.Count)
	}
	return nil
}

// Close ends the process.
func (w *Worker) Close() error {
	w.in.Close()
	if err := w.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", w.Name, err, w.log)
	}
	return nil
}

func (w *Worker) fail(err error) error {
	w.in.Close()
	w.cmd.Process.Kill() // it may be in the middle of something; the error that counts is err
	w.cmd.Wait()
	return fmt.Errorf("%s: %w\n%s", w.Name, err, w.log)
}

// ask sends one line and reads the answer.
func (w *Worker) ask(question, answer any) error {
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("it does not take a question: %w", err)
	}
	for {
		line, err := w.out.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("it ended before its answer: %w", err)
		}
		if line[0] != '{' {
			w.log.Write(line)
			continue
		}
		if err := json.Unmarshal(line, answer); err != nil {
			return fmt.Errorf("its answer %.200q: %w", line, err)
		}
		return nil
	}
}

// Self returns a command that runs this program again as a side; its main must call Serve when the variable is set.
func Self() (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), WorkerVariable+"=1")
	return cmd, nil
}

// WorkerVariable in the environment makes a program that calls Serve a side.
const WorkerVariable = "PRIMER_SPEED_WORKER"

// tail keeps the end of what a process said besides its answers.
type tail struct{ text []byte }

const tailBytes = 4000

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = t.text[extra:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }
