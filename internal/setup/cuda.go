package setup

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/primer-lm/primer/native/cudashim"
)

// cudaLib is the folder of the tree that holds what building with tag cuda takes. It is not in git.
var cudaLib = filepath.Join("kernels", "cuda", "lib")

// cudaWheels are the parts of CUDA that come as Python packages, with the checksums of their files for x86-64 and 64-bit ARM:
// the header of the driver's functions, the run-time compiler, and the assembler that the tests look at kernels with.
const cudaWheels = `nvidia-cuda-runtime-cu12==12.4.127 --hash=sha256:64403288fa2136ee8e467cdc9c9427e0434110899d07c779f25b5c068934faa5 --hash=sha256:961fe0e2e716a2a1d967aab7caee97512f71767f852f67432d572e36cb3a11f3
nvidia-cuda-nvrtc-cu12==12.4.127 --hash=sha256:a178759ebb095827bd30ef56598ec182b85547f1508941a3d560eb7ea1fbf338 --hash=sha256:0eedf14185e04b76aa05b1fea04133e59f465b6f960c0cbf4e37c3cb6b0ea198
nvidia-cuda-nvcc-cu12==12.4.131 --hash=sha256:e4c9a35435c3b0e36c6397c5696334c9ea6650e524736cbd1c5d345ea099bb04 --hash=sha256:00ba32f3d7928548455baa877e748a4676ba0731cfc73d4213336fc67bdc87e9
`

// wanted are the files that are taken out of the wheels, by the end of their name there, and where they go in cudaLib.
var wanted = []struct{ suffix, folder string }{
	{"nvidia/cuda_runtime/include/cuda.h", "include"},
	{"nvidia/cuda_nvrtc/lib/libnvrtc.so.12", "nvrtc"},
	{"nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.12.4", "nvrtc"},
	{"nvidia/cuda_nvcc/bin/ptxas", "bin"},
}

// cudaStamp is written last: with it the folder is whole, and made for this place from these inputs.
type cudaStamp struct {
	Folder string            // the shim has it inside
	Inputs string            // sha256 of the list of wheels and of the shim's source
	Files  map[string]string // sha256 by name in the folder
}

// setupCUDA fills kernels/cuda/lib and prints the line that lets gorgonia.org/cu find cuda.h, which is where that package does
// not look by itself.
func (e env) setupCUDA(ctx context.Context, root string) error {
	if root == "" {
		return errors.New("-cuda: run it inside a clone of Primer")
	}
	if runtime.GOOS != "linux" || (runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64") {
		return fmt.Errorf("-cuda: CUDA is for Linux on x86-64 and 64-bit ARM, this is %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	lib := filepath.Join(root, cudaLib)
	want := cudaStamp{Folder: lib, Inputs: cudaInputs()}
	if !want.validIn(lib) {
		if err := e.buildCUDA(ctx, want, lib); err != nil {
			return fmt.Errorf("what tag cuda needs, in %s: %w", lib, err)
		}
		fmt.Fprintf(e.log, "setup: %s is ready\n", lib)
	}
	flags, err := e.goCommand(ctx, "env", "CGO_CFLAGS")
	if err != nil {
		return err
	}
	if os.Getenv("CGO_CFLAGS") != "" {
		fmt.Fprintln(e.log, "setup: CGO_CFLAGS is set in the environment, which hides what `go env -w` writes: "+
			"unset it, its flags are in the line below")
	}
	fmt.Fprintf(e.out, "go env -w CGO_CFLAGS=%s\n", shellQuote(addInclude(flags, filepath.Join(lib, "include"))))
	return nil
}

// addInclude returns the flags with -I for dir, once; the folders of other clones of Primer are dropped.
func addInclude(flags, dir string) string {
	ours := filepath.Join(cudaLib, "include")
	var kept []string
	for _, f := range splitFlags(flags) {
		if !strings.HasPrefix(f, "-I") || !strings.HasSuffix(f, ours) {
			kept = append(kept, quoteFlag(f))
		}
	}
	return strings.Join(append(kept, quoteFlag("-I"+dir)), " ")
}

func cudaInputs() string {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(cudaWheels), cudashim.Source, cudashim.Header} {
		fmt.Fprintf(sum, "%d\n%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// validIn reports whether dir holds the folder that s describes, whole.
func (s cudaStamp) validIn(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		return false
	}
	var have cudaStamp
	if json.Unmarshal(b, &have) != nil || have.Folder != s.Folder || have.Inputs != s.Inputs || len(have.Files) != len(wanted)+2 {
		return false
	}
	for name, want := range have.Files {
		if sum, err := fileSum(filepath.Join(dir, name)); err != nil || sum != want {
			return false
		}
	}
	return true
}

// buildCUDA fetches the wheels and builds the shim. What was in dir before goes first, the stamp comes last.
func (e env) buildCUDA(ctx context.Context, s cudaStamp, dir string) (err error) {
	if err := e.ensureTools(ctx, cudaTools); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fmt.Fprintln(e.log, "setup: fetching cuda.h, NVRTC and ptxas once (85 MB)")
	wheels, err := e.fetchWheels(ctx, work)
	if err != nil {
		return err
	}
	s.Files = map[string]string{}
	if err := s.unpack(wheels, dir); err != nil {
		return err
	}
	if err := s.buildShim(ctx, work, dir); err != nil {
		return err
	}
	return s.write(dir)
}

func (s cudaStamp) write(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("setup: a struct of strings does not marshal")
	}
	return replaceFile(filepath.Join(dir, stampName), bytes.NewReader(text))
}

// fetchWheels downloads the wheels into work with a pip of their own, which checks them against their checksums.
func (e env) fetchWheels(ctx context.Context, work string) ([]string, error) {
	list := filepath.Join(work, "wheels.txt")
	if err := replaceFile(list, strings.NewReader(cudaWheels)); err != nil {
		return nil, err
	}
	venv := filepath.Join(work, "venv")
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
			"--require-hashes", "--dest", work, "-r", list},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, bytes.TrimSpace(out))
		}
	}
	return filepath.Glob(filepath.Join(work, "*.whl"))
}

// unpack takes the wanted files out of the wheels.
func (s cudaStamp) unpack(wheels []string, dir string) error {
	for _, wheel := range wheels {
		if err := s.unpackOne(wheel, dir); err != nil {
			return fmt.Errorf("%s: %w", wheel, err)
		}
	}
	if len(s.Files) != len(wanted) {
		return fmt.Errorf("of the %d files wanted the wheels have %d: %v", len(wanted), len(s.Files), s.Files)
	}
	return nil
}

func (s cudaStamp) unpackOne(wheel, dir string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		i := slices.IndexFunc(wanted, func(w struct{ suffix, folder string }) bool { return w.suffix == f.Name })
		if i < 0 {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		err = s.add(dir, filepath.Join(wanted[i].folder, filepath.Base(f.Name)), in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// add writes a file of the folder and notes its checksum. All may be run: ptxas has to.
func (s cudaStamp) add(dir, name string, r io.Reader) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	sum := sha256.New()
	if err := replaceFile(path, io.TeeReader(r, sum)); err != nil {
		return err
	}
	s.Files[name] = hex.EncodeToString(sum.Sum(nil))
	return os.Chmod(path, 0o755)
}

// buildShim compiles libcuda.a from the names in cuda.h.
func (s cudaStamp) buildShim(ctx context.Context, work, dir string) error {
	cudaH, err := os.ReadFile(filepath.Join(dir, "include", "cuda.h"))
	if err != nil {
		return err
	}
	names, err := cudashim.Names(cudaH)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"shim.c": cudashim.Source, "shim.h": cudashim.Header, "names.inc": names} {
		if err := replaceFile(filepath.Join(work, name), bytes.NewReader(text)); err != nil {
			return err
		}
	}
	compile := append(compiler(), "-O2", "-fPIC", "-DPRIMER_CUDA_FOLDER="+cString(s.Folder), "-c", "shim.c", "-o", "shim.o")
	for _, command := range [][]string{compile, {"ar", "rcsD", cudaArchive, "shim.o"}} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, bytes.TrimSpace(out))
		}
	}
	built, err := os.Open(filepath.Join(work, cudaArchive))
	if err != nil {
		return err
	}
	defer built.Close()
	if err := s.add(dir, cudaArchive, built); err != nil {
		return err
	}
	return s.add(dir, filepath.Join("include", "cudashim.h"), bytes.NewReader(cudashim.Header))
}

const cudaArchive = "libcuda.a"

// cString writes a text as a literal of C.
func cString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
