package gpu

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What fails, is skipped, did not end or is not there has not passed.
func TestConformanceIsJudged(t *testing.T) {
	const passed = "=== RUN   TestConformance\n=== RUN   TestConformance/runtime\n    --- SKIP: TestConformance/runtime (0.00s)\n--- PASS: TestConformance (0.1s)\n"
	for name, c := range map[string]struct {
		output string
		ended  error
		says   string // "": passed
	}{
		"passed":   {passed + "PASS\n", nil, ""},
		"failed":   {"=== RUN   TestConformance\n--- FAIL: TestConformance (0.1s)\nFAIL\n", errors.New("exit 1"), "TestConformance failed"},
		"skipped":  {passed + "=== RUN   TestX\n--- SKIP: TestX (0.00s)\nPASS\n", nil, "TestX was skipped"},
		"died":     {passed + "=== RUN   TestX\n", errors.New("killed"), "TestX did not end"},
		"no suite": {"=== RUN   TestX\n--- PASS: TestX (0.00s)\nPASS\n", nil, "TestConformance was not among the 1 tests"},
		"bad end":  {passed, errors.New("signal: killed"), "signal: killed"},
		"nothing":  {"", nil, "not among the 0 tests"},
	} {
		err := judgeTests(readTests(c.output), c.ended)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestSanitizerIsJudged(t *testing.T) {
	const ran = exercised + "41\n"
	for name, c := range map[string]struct {
		output string
		ended  error
		says   string
	}{
		"memcheck":    {"========= COMPUTE-SANITIZER\n" + ran + "========= ERROR SUMMARY: 0 errors\n", nil, ""},
		"racecheck":   {ran + "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n", nil, ""},
		"error":       {ran + "========= ERROR SUMMARY: 1 error\n", errors.New("exit 99"), "ERROR SUMMARY: 1 error"},
		"hazards":     {ran + "========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)\n", nil, "2 hazards"},
		"no summary":  {ran, nil, "printed no summary"},
		"nothing ran": {"========= ERROR SUMMARY: 0 errors\n", nil, "do not say that they ran"},
		"no op":       {exercised + "0\n========= ERROR SUMMARY: 0 errors\n", nil, "do not say that they ran"},
		"stopped":     {ran + "========= ERROR SUMMARY: 0 errors\n", errors.New("killed"), "killed"},
	} {
		err := judgeSanitizer(c.output, c.ended)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// A fault takes the tests behind it down with it: they are judged by a process of their own.
func TestFaultIsOneTests(t *testing.T) {
	folder := t.TempDir()
	const script = `#!/bin/sh
case "$3" in
'^TestConformance$') printf '=== RUN   TestConformance\n--- PASS: TestConformance (0.1s)\nPASS\n' ;;
'^TestC$') printf '=== RUN   TestC\n--- FAIL: TestC (0.1s)\nFAIL\n'; exit 1 ;;
*) printf '=== RUN   TestA\n--- PASS: TestA (0.1s)\n=== RUN   TestB\n--- FAIL: TestB (0.1s)\n=== RUN   TestConformance\n--- FAIL: TestConformance (0.1s)\n=== RUN   TestC\n--- FAIL: TestC (0.1s)\nFAIL\n'; exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(folder, "conformance"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	k := &check{Options: Options{Folder: folder, Tests: "."}, scratch: folder, outputs: map[string]string{}}
	err := k.conformance(t.Context())
	if want := []Test{{"TestA", "PASS"}, {"TestB", "FAIL"}, {"TestConformance", "PASS"}, {"TestC", "FAIL"}}; !slices.Equal(k.tests, want) {
		t.Errorf("%v, want %v", k.tests, want)
	}
	if err == nil || !strings.Contains(err.Error(), "TestB failed, TestC failed") {
		t.Errorf("judged %v", err)
	}
	if !strings.Contains(k.outputs["conformance.txt"], "TestC in a process of its own:") {
		t.Error("what a test printed by itself is not kept")
	}
}
