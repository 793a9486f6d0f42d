package cli

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// convertible is a folder of datasets that take some tenths of a second together.
func convertible(t testing.TB, records int) string {
	t.Helper()
	root := t.TempDir()
	rows := func(name string, row func(i int) string) {
		var b strings.Builder
		for i := range records {
			fmt.Fprintf(&b, "%s\n", row(i))
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range []string{"squad", "ropes", "reclor", "quail", "aqua", "tweetqa"} {
		rows(set+"/train.jsonl", func(i int) string {
			return fmt.Sprintf(`{"id":"%d","title":"T","context":"Ann owns kite %d.","question":"Who?","answers":{"text":["Ann"],"answer_start":[0]},`+
				`"background":"Kites fly.","situation":"Kite %d.","label":0,"correct_answer_id":0,"context_id":"c%d","options":["A)x","B)y"],"rationale":"r","correct":"A",`+
				`"Tweet":"t %d","Question":"Who?","Answer":["Ann"]}`, i, i, i, i, i)
		})
	}
	// Their answers are a list of options.
	for _, set := range []string{"reclor", "quail"} {
		rows(set+"/train.jsonl", func(i int) string {
			return fmt.Sprintf(`{"context":"All tea %d is hot.","question":"Which?","answers":["cold","hot"],"label":1,"correct_answer_id":1,"context_id":"c%d"}`, i, i)
		})
	}
	return root
}

// contents reads all files below a folder, the lock left out.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == ".lock" {
			return err
		}
		raw, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameFiles(t testing.TB, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s differs, or is not there", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left over", name)
		}
	}
}

// A conversion that is killed at any moment goes on to the bytes of one that was left alone.
func TestKilledConversionGoesOn(t *testing.T) {
	root := convertible(t, 3000)
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	convert := func(out string) *exec.Cmd { return exec.Command("corpus", "convert", "--all", root, "--out", out) }
	began := time.Now()
	mustRun(t, convert(whole))
	took := time.Since(began)
	want := contents(t, whole)
	if len(want) != 13 { // six sets, six records, the manifest
		t.Fatalf("%d files", len(want))
	}
	rng := rand.New(rand.NewPCG(1, 0))
	interrupted := 0
	for range 12 {
		cmd := convert(killed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took))))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() != nil {
			interrupted++
		}
		if _, err := os.Stat(filepath.Join(killed, "train")); err == nil { // whole: begin anew
			sameFiles(t, contents(t, filepath.Join(killed, "train")), contents(t, filepath.Join(whole, "train")))
			if err := os.RemoveAll(killed); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustRun(t, convert(killed))
	sameFiles(t, contents(t, killed), want)
	if interrupted < 3 {
		t.Errorf("only %d of 12 kills came in time", interrupted)
	}
}

// leftOver is a temporary file in a list of files.
var leftOver = regexp.MustCompile(`(?m)^/\S+\.tmp\d+$`)

// A disk that fills up fails the datasets that do not fit, by name; nothing half is left, and the same command goes on elsewhere.
func TestConvertFullDisk(t *testing.T) {
	dir, root := t.TempDir(), convertible(t, 3000)
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here: %v: %s", err, out)
	}
	path, err := exec.LookPath("corpus")
	if err != nil {
		t.Fatal(err)
	}
	script := `mount -t tmpfs -o size=1000k tmpfs "$0" && "$@"; code=$?; find "$0" -type f; exit $code`
	out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, dir, path, "convert", "--all", root, "--out", dir+"/out").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailure || !strings.Contains(string(out), "no space left on device") ||
		!strings.Contains(string(out), "of 6 datasets failed") || !strings.Contains(string(out), "/.train/squad.jsonl\n") ||
		leftOver.Match(out) || strings.Contains(string(out), "tuning.json\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// A folder that may not be read is named, and the other datasets are done.
func TestConvertUnreadableFolder(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can read as somebody else")
	}
	root := convertible(t, 3)
	path, err := exec.LookPath("corpus")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("primer-nobody-%d", os.Getpid())) // where nobody may go
	for _, err := range []error{os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777), os.WriteFile(filepath.Join(dir, "corpus"), program, 0o755),
		os.CopyFS(filepath.Join(dir, "in"), os.DirFS(root)), os.Chmod(filepath.Join(dir, "in", "ropes"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(filepath.Join(dir, "corpus"), "convert", "--all", filepath.Join(dir, "in"), "--out", filepath.Join(dir, "out"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("nobody can run nothing here: %v", err) // a user namespace without that user, or folders above that are closed
	}
	if exit == nil || exit.ExitCode() != exitData || !strings.Contains(log.String(), "1 of 6 datasets failed, 5 are done") ||
		!strings.Contains(log.String(), "ropes: no input file: open "+filepath.Join(dir, "in", "ropes")+": permission denied") {
		t.Errorf("%v: %s", err, &log)
	}
}
