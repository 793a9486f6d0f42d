package speed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
)

// side is our half of a worker: a model that does turns of work.
type side interface {
	turn(Turn) (Took, error)
	close() error
}

// Serve is a side's whole life: it reads a Job and Turns from r, answers on w, and returns at the end of r.
func Serve(r io.Reader, w io.Writer) error {
	in, out := json.NewDecoder(bufio.NewReader(r)), json.NewEncoder(w)
	var job Job
	if err := in.Decode(&job); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	// The kernels' threads are the job's; Go's own are few and idle, but one prepares batches.
	runtime.GOMAXPROCS(max(2, job.Threads))
	base := resident("VmRSS")
	s, err := open(job)
	if err != nil {
		return out.Encode(Ready{Error: err.Error()})
	}
	defer s.close()
	if err := out.Encode(Ready{Side: "primer, " + runtime.Version(), Settings: []string{}}); err != nil {
		return err
	}
	for first := true; ; first = false {
		var t Turn
		if err := in.Decode(&t); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("turn: %w", err)
		}
		before := processorTime()
		took, err := s.turn(t)
		took.CPU = (processorTime() - before).Seconds()
		if err != nil {
			took.Error = err.Error()
		}
		if first {
			forgetPeak()
		}
		took.Base, took.Peak = base, resident("VmHWM")
		if err := out.Encode(took); err != nil {
			return err
		}
	}
}

func open(job Job) (side, error) {
	switch job.Kind {
	case "train":
		return openTrain(job)
	case "generate":
		return openGenerate(job)
	}
	return nil, fmt.Errorf("no kind of job is called %q", job.Kind)
}
