package gpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// check is one run of gpu-check.
type check struct {
	Options
	shapes  *Shapes
	began   time.Time
	step    string // now
	states  []State
	records []Record
	tests   []Test   // of the conformance binary
	scratch string   // folder for compiled kernels and the peers' caches, removed at the end
	modes   []string // variants of attention
	outputs map[string]string
	failed  error // of writing
	machine []Line
	waiting []string // steps that have not begun
}

// Options are the flags.
type Options struct {
	Folder string // where the program, the conformance tests and the peers' scripts lie
	Out    string
	Part   string
	Shapes string
	Device string
	Python string // interpreter with PyTorch; "": none
	Peers  string // device of the peers: cuda or cpu
	Tests  string // regular expression of the conformance tests that are run
	Total  time.Duration
	Log    io.Writer
}

// The sides.
const (
	oursSide  = "Primer"
	torchSide = "PyTorch"
)

func (k *check) say(format string, args ...any) { fmt.Fprintf(k.Log, format+"\n", args...) }

// record keeps an answer.
func (k *check) record(c Case, a Answer) {
	k.records = append(k.records, Record{Step: k.step, At: time.Now().UTC(), Case: c, Answer: a})
}

// open starts a side.
func (k *check) open(ctx context.Context, name string) (*side, error) {
	if name != torchSide {
		return startSide(ctx, name, k.ours("worker", "--device", k.Device, "--shapes", k.Shapes))
	}
	if k.Python == "" {
		return nil, fmt.Errorf("%w: peer: no Python was found", errNotRun)
	}
	cmd := exec.Command(k.Python, filepath.Join(k.Folder, "peers", "peer.py"), "--device", k.Peers)
	cmd.Env = append(os.Environ(), "TORCHINDUCTOR_CACHE_DIR="+filepath.Join(k.scratch, "inductor"), "TRITON_CACHE_DIR="+filepath.Join(k.scratch, "triton"))
	return startSide(ctx, name, cmd)
}

// ours is this program with other arguments. The libraries of CUDA depend on others beside them, which the loader finds by
// LD_LIBRARY_PATH; PyTorch is not given it, since it knows where its own are.
func (k *check) ours(args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = filepath.Join(k.Folder, "gpucheck")
	}
	cmd := exec.Command(program, args...)
	cmd.Env = k.environment()
	return cmd
}

func (k *check) environment() []string {
	path := strings.Trim(os.Getenv("PRIMER_CUDA_PATH")+":"+os.Getenv("LD_LIBRARY_PATH"), ":")
	return append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(k.scratch, "cache"), "LD_LIBRARY_PATH="+path)
}

// one asks one case of one side in a process of its own.
func (k *check) one(ctx context.Context, name string, c Case) error {
	return k.all(ctx, name, []Case{c})
}

// all asks cases of a side one after another, in one process as long as all goes well.
func (k *check) all(ctx context.Context, name string, cases []Case) error {
	s := k.keep(ctx, name)
	var problems []error
	for _, c := range cases {
		if err := s.ask(c); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.what(), err))
		}
	}
	return errors.Join(summed(problems, len(cases)), s.close())
}

// summed is the first of several problems, with their number.
func summed(problems []error, of int) error {
	if len(problems) < 2 {
		return errors.Join(problems...)
	}
	return fmt.Errorf("%d of %d cases failed, the first: %w", len(problems), of, problems[0])
}
