package corpus

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/primer-lm/primer/bench/speed"
)

// pythonVariable names the interpreter of the virtual environment that `make bench-data` builds.
const pythonVariable = "PRIMER_PYTHON"

// number reads a positive number from the environment.
func number(b *testing.B, name string, otherwise int) int {
	b.Helper()
	n, err := speed.EnvNumber(name, otherwise)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkPeers races Python's libraries and writes a report into bench/results, or into the folder that PRIMER_SPEED_RESULTS names.
// Near-duplicate removal of ours is a command, PRIMER_MINHASH with {in} and {out}; without it the peer runs alone.
func BenchmarkPeers(b *testing.B) {
	python := os.Getenv(pythonVariable)
	if python == "" {
		b.Skipf("%s is not set to a Python with the peers: `make bench-data` builds one and runs this", pythonVariable)
	}
	threads := runtime.GOMAXPROCS(0)
	machine, err := speed.ReadMachine(threads)
	if err != nil {
		b.Fatal(err)
	}
	in, err := MakeInputs(b.TempDir(), int64(number(b, "PRIMER_BENCH_MB", 64))<<20, threads)
	if err != nil {
		b.Fatal(err)
	}
	p := &peers{b: b, python: python, in: in, threads: threads}
	p.run("train", "", nil)
	report := Report{Began: time.Now(), Machine: machine, Rounds: number(b, "PRIMER_SPEED_ROUNDS", 5)}
	for i, race := range []func(*peers) *Race{(*peers).tokenizing, (*peers).pipeline, (*peers).minhash} {
		b.Run([]string{"tokenizing", "pipeline", "minhash"}[i], func(b *testing.B) {
			own := *p
			own.b = b
			r := race(&own)
			if err := r.Run(report.Rounds, b.Logf); err != nil {
				b.Fatal(err)
			}
			if r.Ratio() > 0 {
				b.ReportMetric(r.Ratio(), "ratio")
			}
			report.Races = append(report.Races, r)
		})
	}
	if b.Failed() || len(report.Races) == 0 {
		return
	}
	dir := os.Getenv("PRIMER_SPEED_RESULTS")
	if dir == "" {
		dir = "../results"
	}
	path, err := report.Write(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("written to %s\n%s", path, report.Markdown())
}

// peers starts the Python sides.
type peers struct {
	b       *testing.B
	python  string
	in      *Inputs
	threads int
}

// run starts a peer, which ends with the benchmark, and adds it to a race.
func (p *peers) run(kind, mode string, race *Race) {
	cmd := exec.Command(p.python, "../../tools/peers/data_peer.py")
	cmd.Env = append(os.Environ(), "RAYON_NUM_THREADS="+strconv.Itoa(p.threads), "HF_HOME="+filepath.Join(p.in.Dir, "hf"), "HF_HUB_OFFLINE=1")
	peer, err := StartPeer(cmd, Job{Kind: kind, Mode: mode, Texts: p.in.Texts, Examples: p.in.Examples, Tokenizer: p.in.Tokenizer, Work: p.in.Dir, Threads: p.threads})
	if err != nil {
		p.b.Fatal(err)
	}
	if race == nil {
		if err := peer.Close(); err != nil {
			p.b.Fatal(err)
		}
		return
	}
	p.b.Cleanup(func() { peer.Close() })
	race.Sides = append(race.Sides, &Side{Name: mode, Is: peer.Ready.Side, turn: peer.Turn})
}

func ours(b *testing.B, is string) func(turn func() (Took, error), err error) *Side {
	return func(turn func() (Took, error), err error) *Side {
		if err != nil {
			b.Fatal(err)
		}
		return &Side{Name: "ours", Is: is, Ours: true, turn: turn}
	}
}

func (p *peers) tokenizing() *Race {
	r := &Race{What: tokenizing, Aim: 1, Bytes: p.in.TextBytes, Note: "Texts in memory, batches of 1,000, the ids taken out; one tokenizer.json, equal numbers of tokens. " +
		"Both call the same Rust for what they do not know. Ours cuts texts into words and remembers up to 32,768 of them (tokenizer/words.go), " +
		"theirs up to 10,000 behind their splitting; both have seen the text once."}
	r.Sides = append(r.Sides, ours(p.b, "tokenizer.EncodeBatch")(p.in.Tokenize()))
	p.run("tokenize", "encode_batch", r)
	p.run("tokenize", "encode_batch_fast", r)
	return r
}

func (p *peers) pipeline() *Race {
	r := &Race{What: "JSONL.zst to tokens", Aim: 3, Bytes: p.in.ExampleBytes, Note: "Records with pairs, through templates (ours: the full set; theirs: five patterns in one Python " +
		"function), to token ids on disk. MiB are those of the unpacked JSON."}
	r.Sides = append(r.Sides, ours(p.b, "templates, tokenizer, shards")(p.in.Pipeline()))
	p.run("pipeline", "one map", r)
	p.run("pipeline", "two maps", r)
	return r
}

func (p *peers) minhash() *Race {
	r := &Race{What: "MinHash", Aim: 2, Bytes: p.in.TextBytes, Note: "Near-duplicates among the texts: shingles of 5 words, 14 bands of 8 hashes; signatures, buckets, clusters, filter."}
	if line := os.Getenv("PRIMER_MINHASH"); line != "" {
		r.Sides = append(r.Sides, ours(p.b, line)(p.in.Command(line), nil))
	}
	p.run("minhash", "datatrove", r)
	return r
}
