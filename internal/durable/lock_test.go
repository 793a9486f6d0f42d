package durable_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/internal/durable"
)

// lockEnv makes the test binary a process that takes this lock, says so, and waits.
const lockEnv = "PRIMER_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(lockEnv); path != "" {
		if _, err := durable.OS.Lock(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	debug.SetGCPercent(800) // the enumerations make much garbage on a small heap
	os.Exit(m.Run())
}

// Another process holds the lock until it dies, by SIGKILL too; the error names it.
func TestLockOfAnotherProcess(t *testing.T) {
	path := t.TempDir() + "/lock"
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockEnv+"="+path)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("%q", line)
	}
	_, err = durable.OS.Lock(path)
	if !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", other.Process.Pid)) {
		t.Errorf("%v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	lock, err := durable.OS.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.OS.Lock(path); !errors.Is(err, durable.ErrLocked) { // in the same process too
		t.Error(err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
	again, err := durable.OS.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
