//go:build cuda

package cuda

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/machine.txt anew from what the compiler makes now")

// machine is what the compiler made of a kernel.
type machine struct {
	registers, shared, spilled int // shared: bytes of static shared memory; spilled: bytes stored and loaded
	products, matrices, copies int // instructions HMMA, LDSM, LDGSTS
	groups                     int // HGMMA, with the left operand in shared memory or in registers
}

func (m machine) String() string {
	return fmt.Sprintf("registers %d shared %d spilled %d HMMA %d LDSM %d LDGSTS %d HGMMA %d",
		m.registers, m.shared, m.spilled, m.products, m.matrices, m.copies, m.groups)
}

// The opcode is the low 12 bits of an instruction of 16 bytes, from Volta to Hopper. NVIDIA does not publish them: TestOpcodes
// holds them against kernels that have the instruction and kernels that have not.
const (
	opcodeHMMA   = 0x23c
	opcodeLDSM   = 0x83b
	opcodeLDGSTS = 0xfae
	opcodeHGMMA  = 0x9f0 // both operands in shared memory
	opcodeHGMMAR = 0xdf0 // the left one in registers
)

// instructions counts an opcode in the code of every kernel of a cubin.
func instructions(t *testing.T, cubin []byte, opcode uint64) map[string]int {
	t.Helper()
	cubin = bytes.Clone(cubin)
	binary.LittleEndian.PutUint32(cubin[20:], uint32(elf.EV_CURRENT)) // NVIDIA writes CUDA's version where ELF's stands
	file, err := elf.NewFile(bytes.NewReader(cubin))
	if err != nil {
		t.Error(err)
		return nil
	}
	out := map[string]int{}
	for _, s := range file.Sections {
		name, ok := strings.CutPrefix(s.Name, ".text.")
		if !ok {
			continue
		}
		code, err := s.Data()
		if err != nil {
			t.Error(err)
			return nil
		}
		n := 0
		for ; len(code) >= 16; code = code[16:] {
			if binary.LittleEndian.Uint64(code)&0xfff == opcode {
				n++
			}
		}
		out[name] = n
	}
	return out
}

// machines compiles a source and reads what ptxas says of its kernels.
func machines(t *testing.T, c *compiler, u unit, headers map[string]string, arch string) map[string]machine {
	t.Helper()
	cubin, said, err := c.nvrtc.compile(u.name, u.text, headers, u.options(arch, "--ptxas-options=-v"))
	if err != nil {
		t.Error(err)
		return nil
	}
	if strings.Contains(said, "warning") || strings.Contains(said, "Performance Loss") { // products of warpgroups that wait for each other
		t.Errorf("%v, %s: %s", u, arch, said)
	}
	hmma, ldsm, ldgsts := instructions(t, cubin, opcodeHMMA), instructions(t, cubin, opcodeLDSM), instructions(t, cubin, opcodeLDGSTS)
	shared, registers := instructions(t, cubin, opcodeHGMMA), instructions(t, cubin, opcodeHGMMAR)
	out := map[string]machine{}
	for _, part := range strings.Split(said, "Compiling entry function '")[1:] {
		name, rest, _ := strings.Cut(part, "'")
		number := func(pattern string) int {
			found := regexp.MustCompile(pattern).FindStringSubmatch(rest)
			if found == nil {
				return 0
			}
			n, _ := strconv.Atoi(found[1]) // the pattern lets digits through only
			return n
		}
		out[name] = machine{
			number(`Used (\d+) registers`), number(`(\d+) bytes smem`), number(`(\d+) bytes spill stores`) + number(`(\d+) bytes spill loads`),
			hmma[name], ldsm[name], ldgsts[name], shared[name] + registers[name],
		}
	}
	return out
}

// Registers, shared memory and spills of every kernel are those of the table: a change is looked at, and then written with
// -update. Nothing spills, and what should run on the tensor cores does.
func TestMachineCode(t *testing.T) {
	const table = "testdata/machine.txt"
	c := cached(t)
	units, headers, err := readSources(sources)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	var mine sync.Mutex
	var wait sync.WaitGroup // NVRTC takes a minute of one core for all of it
	for _, arch := range []string{"sm_80", "sm_90a"} {
		for _, u := range units {
			wait.Go(func() {
				for name, m := range machines(t, c, u, headers, arch) {
					if m.registers == 0 || m.spilled > 0 {
						t.Errorf("%s %s: %v", arch, name, m)
					}
					if m.products > 0 && (m.matrices == 0 || m.copies == 0) {
						t.Errorf("%s %s multiplies on the tensor cores without ldmatrix or cp.async: %v", arch, name, m)
					}
					if onGroups := strings.Contains(name, "_hopper_"); onGroups != (m.groups > 0) || onGroups && m.products > 0 {
						t.Errorf("%s %s is to multiply by warpgroups and is not, or the other way round: %v", arch, name, m)
					}
					mine.Lock()
					lines = append(lines, fmt.Sprintf("%s %s %v", arch, name, m))
					mine.Unlock()
				}
			})
		}
	}
	wait.Wait()
	slices.Sort(lines)
	now := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(table, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range difference(now, string(want)) {
		t.Errorf("%s; go test -tags cuda -run MachineCode -update ./kernels/cuda writes the table anew", line)
	}
}

// difference lists the lines that are in one text only.
func difference(now, before string) (out []string) {
	a, b := strings.Split(now, "\n"), strings.Split(before, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "now "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "before "+line)
		}
	}
	return out
}

const opcodeSource = `#include "warpgroup.cuh"
struct opcode_args { u32 *x; };
KERNEL(with_mma, opcode_args, 32, 1) { float d[4] = {}; const u32 w[4] = {a.x[0], a.x[1], a.x[2], a.x[3]}; mma(d, w, a.x[4], a.x[5]); a.x[threadIdx.x] = bits_f32(d[0]); }
KERNEL(with_ldmatrix, opcode_args, 32, 1) { u32 r[4]; ldmatrix(r, (u8 *)dynamic_shared() + 16 * threadIdx.x); a.x[threadIdx.x] = r[0]; }
KERNEL(with_copy, opcode_args, 32, 1) { cp_async16(dynamic_shared(), a.x, true); cp_commit(); cp_wait<0>(); a.x[threadIdx.x] = *(u32 *)dynamic_shared(); }
#if WARPGROUPS
KERNEL(with_group, opcode_args, 128, 1) { float d[8][4] = {}; group_fence(); group_mma(d, group_operand(aligned_shared(), 0), group_operand(aligned_shared(), 0), true); group_commit(); group_wait<0>(); hold(d); a.x[threadIdx.x] = bits_f32(d[0][0]); }
KERNEL(with_registers, opcode_args, 128, 1) { float d[8][4] = {}; const u32 w[4] = {a.x[0], a.x[1], a.x[2], a.x[3]}; group_fence(); group_mma_turned(d, w, group_operand(aligned_shared(), 0), true); group_commit(); group_wait<0>(); hold(d); a.x[threadIdx.x] = bits_f32(d[0][0]); }
#endif
`

// Each instruction is found in the kernel that has it, once, and in no other.
func TestOpcodes(t *testing.T) {
	c := cached(t)
	_, headers := smallUnit(t)
	for _, arch := range []string{"sm_80", "sm_90a"} {
		cubin, err := c.image(unit{name: "opcodes.cu", text: opcodeSource}, headers, arch)
		if err != nil {
			t.Fatal(err)
		}
		for kernel, opcode := range map[string]uint64{"with_mma": opcodeHMMA, "with_ldmatrix": opcodeLDSM, "with_copy": opcodeLDGSTS,
			"with_group": opcodeHGMMA, "with_registers": opcodeHGMMAR} {
			if found := instructions(t, cubin, opcode); len(found) != map[string]int{"sm_80": 3, "sm_90a": 5}[arch] {
				t.Errorf("%s: %d kernels", arch, len(found))
			}
			for name, n := range instructions(t, cubin, opcode) {
				if want := map[bool]int{true: 1}[name == kernel]; n != want {
					t.Errorf("%s: opcode %#x stands %d times in %s, want %d", arch, opcode, n, name, want)
				}
			}
		}
	}
}
