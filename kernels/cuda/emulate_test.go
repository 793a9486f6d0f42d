//go:build cuda && emulator

package cuda

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// plantedArgs is struct planted_args of testdata/planted.cu.
type plantedArgs struct {
	x, y   uintptr
	n, bug int32
}

// planted is a kernel of testdata/planted.cu: what it makes of x, and how its bug shows: by a message, or (no message) by values.
type planted struct {
	kernel             string
	n, threads, shared int
	want               func(x []float32) []float32
	message            string
}

func same(x []float32) []float32 { return x }

func sum(x []float32) []float32 {
	var s float32
	for _, v := range x {
		s += v
	}
	return []float32{s}
}

func plantedKernels() []planted {
	return []planted{
		{"planted_barrier", 128, 128, 0, turnedAround, ""},
		{"planted_copy", 256, 32, 1024, same, ""},
		{"planted_neighbour", 512, 128, 2048, same, ""},
		{"planted_swizzle", 256, 32, 1024, firstColumns, ""},
		{"planted_lane", 17, 32, 0, sum, "threads part"},
		{"planted_deadlock", 128, 128, 0, same, "threads part"},
		{"planted_alignment", 128, 32, 0, same, "no multiple of 16"},
		{"planted_shared", 128, 128, 512, sum, "no access to address"},
	}
}

func turnedAround(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[len(x)-1-i] = v
	}
	return y
}

func firstColumns(x []float32) []float32 {
	var y []float32
	for row := range 16 {
		y = append(y, x[row*16:row*16+8]...)
	}
	return y
}

// runPlanted runs the kernel over small whole numbers, and says what it wrote.
func runPlanted(k planted, seed uint64, bug int32) (got, want []float32, err error) {
	emulateSeed(seed)
	space := make([]float32, 2*k.n+16) // x and y at multiples of 16 bytes
	for uintptr(unsafe.Pointer(&space[0]))%16 != 0 {
		space = space[1:]
	}
	half := (k.n + 3) / 4 * 4
	x, y := space[:k.n], space[half:half+k.n]
	for i := range x {
		x[i] = float32(i%200 + 1)
	}
	args := plantedArgs{uintptr(unsafe.Pointer(&x[0])), uintptr(unsafe.Pointer(&y[0])), int32(k.n), bug}
	want = k.want(x)
	err = emulate(k.kernel, dims{1, 1, 1}, k.threads, k.shared, unsafe.Pointer(&args), unsafe.Sizeof(args))
	return y[:len(want)], want, err
}

func equal(a, b []float32) bool {
	for i := range a {
		if !(a[i] == b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// Without its bug a planted kernel is right whatever the schedule; with it, every schedule of a few shows it.
func TestEmulatorFindsPlantedBugs(t *testing.T) {
	for _, k := range plantedKernels() {
		t.Run(k.kernel, func(t *testing.T) {
			for seed := range uint64(20) {
				if got, want, err := runPlanted(k, seed, 0); err != nil || !equal(got, want) {
					t.Fatalf("seed %d: right kernel: %v\ngot  %v\nwant %v", seed, err, got, want)
				}
			}
			caught := 0
			for seed := range uint64(20) {
				got, want, err := runPlanted(k, seed, 1)
				switch {
				case k.message != "" && (err == nil || !strings.Contains(err.Error(), k.message) || !strings.Contains(err.Error(), k.kernel)):
					t.Fatalf("seed %d: got %v, want the message %q with the kernel's name", seed, err, k.message)
				case k.message == "" && err != nil:
					t.Fatalf("seed %d: %v", seed, err)
				case err != nil || !equal(got, want):
					caught++
				}
			}
			if caught < 18 {
				t.Errorf("caught with %d seeds of 20", caught)
			}
		})
	}
}

// Conversions between f32 and halves, all of them.
func TestEmulatedHalves(t *testing.T) {
	wrong := make([]float32, 1<<16)
	args := plantedArgs{0, uintptr(unsafe.Pointer(&wrong[0])), 1 << 16, 0}
	if err := emulate("planted_half", dims{1 << 9, 1, 1}, 128, 0, unsafe.Pointer(&args), unsafe.Sizeof(args)); err != nil {
		t.Fatal(err)
	}
	for i, n := range wrong {
		if n != 0 {
			t.Fatalf("the half %#04x: %v", i, n)
		}
	}
}

// A launch that no device would take, or whose arguments have another layout, is refused.
func TestEmulatorRefusesLaunches(t *testing.T) {
	args := plantedArgs{}
	for _, c := range []struct {
		kernel          string
		grid            dims
		threads, shared int
		size            uintptr
		want            string
	}{
		{"planted_none", dims{1, 1, 1}, 32, 0, unsafe.Sizeof(args), "no kernel planted_none"},
		{"planted_edge", dims{1, 1, 1}, 129, 0, unsafe.Sizeof(args), "129 threads"},
		{"planted_edge", dims{1, 1, 1}, 128, 0, 16, "arguments of 16 bytes"},
		{"planted_edge", dims{1, 65536, 1}, 128, 0, unsafe.Sizeof(args), "grid"},
		{"planted_edge", dims{1, 1, 1}, 128, 228 << 10, unsafe.Sizeof(args), "shared memory"},
	} {
		err := emulate(c.kernel, c.grid, c.threads, c.shared, unsafe.Pointer(&args), c.size)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c, err, c.want)
		}
	}
}

// Every source of the folder is embedded, and in the emulator: a .cu is included by emulate_kernels.cpp, the guard of a .cuh is
// opened again by emulate_again.h.
func TestEverySourceIsEmulated(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	includes, guards := read("emulate_kernels.cpp"), read("emulate_again.h")
	sources, err := filepath.Glob("*.cu*")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, source := range sources {
		if _, err := fs.Stat(emulated, source); err != nil {
			t.Errorf("%s is not embedded: a change would not be compiled: %v", source, err)
		}
		name, header := strings.CutSuffix(source, ".cuh")
		if header && name != "prims" {
			guard := "PRIMER_" + strings.ToUpper(name)
			if !strings.Contains(read(source), "#ifndef "+guard+"\n") || !strings.Contains(guards, "#undef "+guard+"\n") {
				t.Errorf("%s: its guard has to be %s, and emulate_again.h to undefine it", source, guard)
			}
		} else if !strings.Contains(includes, `#include "`+source+`"`) {
			t.Errorf("emulate_kernels.cpp does not include %s", source)
		}
	}
}

// The way by which a changed .cu is compiled again, on a module of three files: embedded files are inputs of a package's build,
// so the C++ that includes them is compiled again, though cgo itself does not look at them.
func TestChangedKernelIsRebuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module twice")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module rebuilt\n\ngo 1.24\n")
	write("a.go", "package rebuilt\n\n// int value(void);\nimport \"C\"\nimport \"embed\"\n\n//go:embed *.cu*\nvar sources embed.FS\n\nfunc value() int { return int(C.value()) }\n")
	write("a.cpp", "#include \"a.cu\"\nextern \"C\" int value() { return VALUE; }\n")
	write("a.cu", "#include \"b.cuh\"\n")
	write("a_test.go", "package rebuilt\n\nimport \"testing\"\n\nfunc TestValue(t *testing.T) {\n\tif value() != 1 {\n\t\tt.Fatal(\"value\", value())\n\t}\n}\n")
	for _, c := range []struct {
		header, want string
		passes       bool
	}{{"#define VALUE 1\n", "ok", true}, {"#define VALUE 1\n", "(cached)", true}, {"#define VALUE 2\n", "value 2", false}} {
		write("b.cuh", c.header)
		command := exec.Command("go", "test", ".")
		command.Dir = dir
		out, err := command.CombinedOutput()
		if (err == nil) != c.passes || !strings.Contains(string(out), c.want) {
			t.Fatalf("with %q: %v, want %q in\n%s", c.header, err, c.want, out)
		}
	}
}
