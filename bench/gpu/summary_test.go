package gpu

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is the record of a case that took so many seconds.
func measured(step string, c Case, seconds float64, a Answer) Record {
	a.Seconds = []float64{3 * seconds, seconds, seconds / 2} // the median counts
	return Record{Step: step, At: time.Unix(0, 0), Case: c, Answer: a}
}

// onH200 is a summary of made-up records, with targets met and missed. Products have a peak of 800 TFLOP/s, copies of 4 TB/s.
func onH200() *Summary {
	s := &Summary{Began: time.Unix(0, 0), Part: "all", Shapes: "full", Revision: "abc", States: []State{{Step: "op times", OK: true}},
		Waiting: []string{"attention"}, Tests: []Test{{"TestConformance", "PASS"}, {"TestX", "SKIP"}}}
	add := func(r Record) { s.Records = append(s.Records, r) }
	add(Record{Case: Case{Kind: kindDescribe, Side: oursSide}, Answer: Answer{About: map[string]string{"gpu": "NVIDIA H200"}}})
	add(Record{Case: Case{Kind: kindPeaks, Side: oursSide}, Answer: Answer{GEMM: 800e12, Copy: 4e12}})
	add(measured("device", Case{Kind: kindStart, Name: "first", Side: oursSide}, 12, Answer{}))
	add(measured("device", Case{Kind: kindStart, Name: "later", Side: oursSide}, 0.3, Answer{}))
	for name, share := range map[string]float64{"RMSNorm": 0.9, "AdamW": 0.5, "Embed": 0.1} {
		add(measured("op times", Case{Kind: kindOp, Name: name, Model: "1.3B", Side: oursSide}, 1e-3, Answer{Bytes: share * 4e9}))
	}
	add(measured("op times", Case{Kind: kindOp, Name: "Linear qkv", Model: "1.3B", Side: oursSide}, 1e-3, Answer{FLOPs: 600e9}))
	for _, pass := range []string{"forward", "backward"} {
		c := Case{Kind: kindAttend, Name: pass, Heads: 32, Dim: 64, T: 1024, Batch: 16}
		ours, flash, efficient := c, c, c
		ours.Side, ours.Mode, flash.Side, flash.Mode, efficient.Side, efficient.Mode = oursSide, "attention=sm80", torchSide, "flash", torchSide, "efficient"
		add(measured("attention", ours, 1e-3, Answer{}))
		add(measured("attention", flash, 0.8e-3, Answer{})) // ours 0.80 of it: enough for the backward pass only
		add(measured("attention", efficient, 2e-3, Answer{}))
	}
	train := Case{Kind: kindTrain, Model: "1.3B", T: 2048, Batch: 8, Side: oursSide}
	add(measured("train", train, 0.25, Answer{Tokens: 16384, FLOPs: 16384 * 9e9, Memory: 30 << 30, Losses: []float64{10.4, 10.3}}))
	train.Side = torchSide
	add(measured("train", train, 0.3, Answer{Tokens: 16384, Memory: 60 << 30, Losses: []float64{10.5, 10.4}}))
	decode := Case{Kind: kindGenerate, Name: "decode", Model: "7B", Batch: 1, T: 512, Side: oursSide}
	add(measured("generate", decode, 5e-3, Answer{Tokens: 1, Bytes: 14e9}))
	decode.Name = "shared"
	add(measured("generate", decode, 1, Answer{Tokens: 512, About: map[string]string{unsharedSeconds: "2.5"}}))
	add(Record{Step: "attention", Case: Case{Kind: kindAttend, Name: "forward", Mode: "cudnn", Side: torchSide}, Answer: Answer{Error: "no plan|here\nmore"}})
	return s
}

// On a GPU every figure with a target is marked, and what is missing is named.
func TestSummaryMarksTargets(t *testing.T) {
	text := onH200().Markdown()
	for _, want := range []string{
		"First start: 12.00 s (target ≤ 10 s: **missed**)", "Later start: 0.30 s (target ≤ 0.5 s: met)",
		"| RMSNorm | 1.3B | 1000.0 |  | 3600 | 90 % ✓ |", "| AdamW | 1.3B | 1000.0 |  | 2000 | 50 % ✗ |", "| Embed | 1.3B | 1000.0 |  | 400 | 10 % |",
		"| Linear qkv | 1.3B | 1000.0 | 600.0 |  | 75 % |",
		"| 64 | 1024 | 16 × 32 | 68.8 | 86.0 | 0.80 ✗ | 34.4 | 2.00 ✓ | missing | – |",
		"| 64 | 1024 | 16 × 32 | 172.0 | 215.0 | 0.80 ✓ | 86.0 | 2.00 ✓ | missing | – |",
		"| 1.3B | Primer | 16384 | 65536 ✓ | 1.20 ✓ | 74 % / 60 % | 30.00 | 0.50 ✓ | 10.400, 10.300 |",
		"| 7B | decode | 1 | 512 | 5.00 | 200 | 70 % ✗ |", "2.50 × without sharing ✓",
		"1 of 2 tests passed", "TestX (skipped)", "| attention |  | **not run** when this was written |",
		"| attention | attention forward cudnn | no plan\\|here |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "mean nothing") || strings.Contains(text, "do not train the same") {
		t.Error("figures of a GPU are called meaningless")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// On the stand-in the same figures are called meaningless in the header and at every table, and no target is marked.
func TestSummaryOfTheStandIn(t *testing.T) {
	s := onH200()
	s.Records[0].About = map[string]string{"gpu": "stand-in", "stand-in": "yes"}
	text := s.Markdown()
	if n := strings.Count(text, "times mean nothing"); n != 5 || strings.ContainsAny(text, "✓✗") || strings.Contains(text, "met)") || strings.Contains(text, "missed") {
		t.Errorf("said %d times in\n%s", n, text)
	}
	s.Records = slices.Delete(s.Records, 0, 1)
	if text := s.Markdown(); !strings.Contains(text, "No device was opened") || strings.ContainsAny(text, "✓✗") {
		t.Errorf("without a device\n%s", text)
	}
}

// Sides whose first losses differ did not train the same.
func TestSummaryComparesLosses(t *testing.T) {
	s := onH200()
	for i := range s.Records {
		if s.Records[i].Kind == kindTrain && s.Records[i].Side == torchSide {
			s.Records[i].Losses = []float64{7}
		}
	}
	if text := s.Markdown(); !strings.Contains(text, "do not train the same model") {
		t.Errorf("losses of 10.4 and 7 pass:\n%s", text)
	}
}

// A folder that weighs too much is refused, and a program's glibc is named.
func TestFolder(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	needs, libraries, err := needsOf(program)
	if err != nil || !olderVersion("2.2", needs) || !slices.Contains(libraries, "libc.so.6") {
		t.Errorf("the test binary needs glibc %s, %q, %v", needs, libraries, err)
	}
	folder := t.TempDir()
	heavy := filepath.Join(folder, "heavy")
	if err := os.WriteFile(heavy, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for size, refused := range map[int64]bool{folderLimit: false, folderLimit + 1: true} {
		if err := os.Truncate(heavy, size); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := CheckFolder(folder, &out); (err != nil) != refused {
			t.Errorf("%d bytes: %v\n%s", size, err, out.String())
		}
	}
	for _, v := range [][2]string{{"2.9", "2.34"}, {"2.3.2", "2.32"}, {"0", "2"}, {"2.34", "2.34.1"}} {
		if !olderVersion(v[0], v[1]) || olderVersion(v[1], v[0]) {
			t.Errorf("%s is not older than %s", v[0], v[1])
		}
	}
}
