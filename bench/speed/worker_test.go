package speed

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// fakeVariable makes the test binary a side that says what its value says, whatever it is asked.
const fakeVariable = "PRIMER_SPEED_FAKE"

// TestMain is three programs: the tests, a side of ours, and a side that a test scripts.
func TestMain(m *testing.M) {
	if script := os.Getenv(fakeVariable); script != "" {
		var line string
		for _, answer := range strings.Split(script, "|") {
			fmt.Scanln(&line)
			fmt.Println(answer)
		}
		return
	}
	if os.Getenv(WorkerVariable) != "" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// self starts this binary as our side.
func self(t testing.TB, name string, job Job) *Worker {
	t.Helper()
	cmd, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Start(name, cmd, job)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// fake starts a side that gives the answers in turn.
func fake(name string, answers ...string) (*Worker, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fakeVariable+"="+strings.Join(answers, "|"))
	return Start(name, cmd, Job{})
}

func TestAnswersOfAPeer(t *testing.T) {
	w, err := fake("peer", "a library's chatter\n"+`{"side":"Peer 1.0","settings":["x"]}`, `{"seconds":[2,4],"cpu":11,"losses":[3,2.5],"peak":7,"base":5}`)
	if err != nil {
		t.Fatal(err)
	}
	if w.Ready.Side != "Peer 1.0" || len(w.Ready.Settings) != 1 {
		t.Errorf("ready: %+v", w.Ready)
	}
	took, err := w.Turn(Turn{Work: WorkTrain, Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	if took.Seconds[1] != 4 || took.Losses[0] != 3 || took.Peak != 7 || took.CPU != 11 || took.Base != 5 {
		t.Errorf("took: %+v", took)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestBadAnswersOfAPeer(t *testing.T) {
	for want, answer := range map[string]string{
		"out of memory":                `{"error":"out of memory"}`,
		"its answer":                   `{"seconds":["x"]}`,
		"1 times were answered to 2":   `{"seconds":[1],"losses":[1]}`,
		"took -1 seconds":              `{"seconds":[1,-1],"losses":[1,1]}`,
		"1 losses were answered":       `{"seconds":[1,1],"losses":[1]}`,
		"ended before its answer: EOF": "the last words",
	} {
		w, err := fake("peer", `{"side":"Peer"}`, answer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Turn(Turn{Work: WorkTrain, Count: 2})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "peer: ") {
			t.Errorf("answer %s: error %v, want one with %q", answer, err, want)
		}
	}
	if _, err := fake("peer", `{"error":"no such mode"}`); err == nil || !strings.Contains(err.Error(), "no such mode") {
		t.Errorf("a peer that cannot open: %v", err)
	}
}
