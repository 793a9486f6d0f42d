package speed

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// PythonVariable names the interpreter of the virtual environment that `make bench-peers` builds.
const PythonVariable = "PRIMER_PYTHON"

// rounds of a race; PRIMER_SPEED_ROUNDS has another number.
func rounds(b *testing.B) int {
	n, err := EnvNumber("PRIMER_SPEED_ROUNDS", 7)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// perTurn is the units of work in a turn: a step of training is seconds long, a prompt milliseconds.
var perTurn = map[string]int{WorkTrain: 1, WorkPrefill: 5, WorkDecode: 3, WorkBatched: 1}

// BenchmarkPeersTraining races PyTorch, BenchmarkPeersGeneration llama.cpp; each writes a report into bench/results, or into
// the folder that PRIMER_SPEED_RESULTS names.
func BenchmarkPeersTraining(b *testing.B) {
	peer(b, "training", "train", "PyTorch", "train_torch.py", []string{"f32", "bf16"}, []string{"f32", "bf16", "f32 compiled", "bf16 compiled"})
}

func BenchmarkPeersGeneration(b *testing.B) {
	peer(b, "generation", "generate", "llama.cpp", "generate_llamacpp.py", []string{"bf16"}, []string{"bf16", "bf16 no-flash"})
}

// peer races every shape and writes the report.
func peer(b *testing.B, what, kind, name, script string, ours, theirs []string) {
	python := os.Getenv(PythonVariable)
	if python == "" {
		b.Skipf("%s is not set to a Python with the peers: `make bench-peers` builds one and runs this", PythonVariable)
	}
	machine, err := ReadMachine(threads())
	if err != nil {
		b.Fatal(err)
	}
	machine.Peaks = peaks(b)
	report := Report{What: what, Began: time.Now(), Machine: machine}
	shapes := Shapes()
	if kind == "generate" {
		shapes = GenerationShapes()
	}
	for _, s := range shapes {
		b.Run(s.Name, func(b *testing.B) {
			job := jobOf(b, kind, b.TempDir(), &s, threads())
			race := &Race{Shape: &s, Rounds: rounds(b), Pause: 300 * time.Millisecond, Log: b.Logf}
			for _, mode := range ours {
				job.Mode = mode
				race.Ours(self(b, "ours "+mode, job))
			}
			for _, mode := range theirs {
				job.Mode = mode
				cmd := exec.Command(python, "../../tools/peers/"+script)
				// A cache of compiled kernels that a killed run left half written would fail this one.
				cmd.Env = append(os.Environ(), "TORCHINDUCTOR_CACHE_DIR="+b.TempDir())
				w, err := Start(name+" "+mode, cmd, job)
				if err != nil {
					b.Fatal(err)
				}
				race.Theirs(w)
			}
			report.Races = append(report.Races, raceOf(b, race, kind))
		})
	}
	if b.Failed() || len(report.Races) == 0 {
		return
	}
	report.Machine.After = peaks(b)
	dir := os.Getenv("PRIMER_SPEED_RESULTS")
	if dir == "" {
		dir = "../results"
	}
	path, err := report.Write(dir)
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("written to %s\n%s", path, text)
}

// raceOf runs all work of one shape, and reports the ratio of the best of both sides.
func raceOf(b *testing.B, race *Race, kind string) Result {
	s := race.Shape
	result := Result{Shape: *s, Rounds: race.Rounds, FLOPs: 3 * s.Config.FLOPs(int64(s.T))}
	works := []string{WorkTrain}
	if kind == "generate" {
		works = []string{WorkPrefill, WorkDecode, WorkBatched}
		result.FLOPs = prefillFLOPs(s)
	}
	for _, work := range works {
		warm, count := 3, perTurn[work]
		if s.heavy() {
			warm, count = 1, 1
		}
		sides, err := race.Run(work, warm, count)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range sides {
			result.Sides = append(result.Sides, *m)
		}
		b.ReportMetric(fastest(sides, work, true).Rate()/fastest(sides, work, false).Rate(), work+"-ratio")
	}
	if err := race.Close(); err != nil {
		b.Fatal(err)
	}
	return result
}
