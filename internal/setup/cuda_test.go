package setup

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAddInclude(t *testing.T) {
	const dir = "/home/u/primer/kernels/cuda/lib/include"
	for flags, want := range map[string]string{
		"":                                     "-I" + dir,
		"-O2 -g":                               "-O2 -g -I" + dir,
		"-O2 -I" + dir:                         "-O2 -I" + dir,
		"-I/other/kernels/cuda/lib/include -g": "-g -I" + dir,
		`"-I/my cuda/include" -I/usr/cuda/include`: `"-I/my cuda/include" -I/usr/cuda/include -I` + dir,
	} {
		if got := addInclude(flags, dir); got != want {
			t.Errorf("%q became %q, want %q", flags, got, want)
		}
	}
	if got := cString(`/a "b"\c`); got != `"/a \"b\"\\c"` {
		t.Errorf("quoted for C: %s", got)
	}
}

// wheel writes a wheel with the named files.
func wheel(t *testing.T, path string, names ...string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte("content of " + name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The wanted files are taken, no others, and a wheel without one of them is an error that names what is there.
func TestUnpackWheels(t *testing.T) {
	dir, one, two := t.TempDir(), filepath.Join(t.TempDir(), "one.whl"), filepath.Join(t.TempDir(), "two.whl")
	wheel(t, one, wanted[0].suffix, wanted[1].suffix, "nvidia/cuda_runtime/include/cuda_fp16.h", "../../escape")
	wheel(t, two, wanted[2].suffix, wanted[3].suffix)
	s := cudaStamp{Folder: dir, Inputs: cudaInputs(), Files: map[string]string{}}
	if err := s.unpack([]string{one}, dir); err == nil || !strings.Contains(err.Error(), "of the 4 files") {
		t.Errorf("half of the files: %v", err)
	}
	if err := s.unpack([]string{one, two}, dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "include", "cuda.h"))
	if err != nil || string(got) != "content of "+wanted[0].suffix {
		t.Errorf("cuda.h has %q, %v", got, err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(files) != len(wanted) {
		t.Errorf("there are %q, %v", files, err)
	}
}

// The folder is taken as it is only when it is whole and made for this place from these inputs.
func TestCUDAStamp(t *testing.T) {
	dir := t.TempDir()
	s := cudaStamp{Folder: dir, Inputs: cudaInputs(), Files: map[string]string{}}
	if s.validIn(dir) {
		t.Error("valid without a stamp")
	}
	files := []string{"a", "b", "c", "d", "e", "f"} // as many as there are in it
	for _, name := range files {
		if err := s.add(dir, name, strings.NewReader(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(dir); err != nil {
		t.Fatal(err)
	}
	moved, changed := s, s
	moved.Folder, changed.Inputs = "/elsewhere", "of another version"
	if !s.validIn(dir) || moved.validIn(dir) || changed.validIn(dir) {
		t.Errorf("valid: %v; in another place: %v; from other inputs: %v", s.validIn(dir), moved.validIn(dir), changed.validIn(dir))
	}
	if err := os.WriteFile(filepath.Join(dir, "c"), []byte("cut"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s.validIn(dir) {
		t.Error("valid with a damaged file")
	}
	if strings.Count(cudaWheels, "--hash=sha256:") != 6 {
		t.Errorf("the wheels have no checksums:\n%s", cudaWheels)
	}
}
