package gpu

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// folderLimit is the most that the folder may weigh: it is carried over slow lines.
const folderLimit = 40 << 20

// CheckFolder is an error when a folder weighs too much, or a program in it needs a library that is not every Linux's. It says
// what the folder holds, and the oldest glibc that the programs run with.
func CheckFolder(folder string, out io.Writer) error {
	var total int64
	newest := "0"
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		needs, libraries, err := needsOf(path)
		if err != nil {
			return err
		}
		for _, l := range libraries {
			if !strings.HasPrefix(l, "libc.so.") && !strings.HasPrefix(l, "libm.so.") && !strings.HasPrefix(l, "ld-linux") &&
				!strings.HasPrefix(l, "libgcc_s.so.") && !strings.HasPrefix(l, "libpthread.so.") && !strings.HasPrefix(l, "libdl.so.") {
				return fmt.Errorf("%s needs %s, which the machine that it is carried to may not have", path, l)
			}
		}
		if olderVersion(newest, needs) {
			newest = needs
		}
		fmt.Fprintf(out, "%9d  %s\n", info.Size(), path)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%9d  in all, at most %d; the programs need glibc %s or newer (ldd --version)\n", total, folderLimit, newest)
	if total > folderLimit {
		return fmt.Errorf("%s weighs %d bytes, more than %d", folder, total, folderLimit)
	}
	return nil
}

// needsOf returns the version of glibc that a program needs and its libraries; "0" and none for a file that is no program.
func needsOf(path string) (glibc string, libraries []string, err error) {
	glibc = "0"
	f, err := elf.Open(path)
	if err != nil {
		return glibc, nil, nil // no program
	}
	defer f.Close()
	if libraries, err = f.ImportedLibraries(); err != nil {
		return glibc, nil, fmt.Errorf("%s: %w", path, err)
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return glibc, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range symbols {
		if v, ok := strings.CutPrefix(s.Version, "GLIBC_"); ok && olderVersion(glibc, v) {
			glibc = v
		}
	}
	sort.Strings(libraries)
	return glibc, libraries, nil
}

// olderVersion compares versions like 2.9 and 2.34.
func olderVersion(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i]) // no number: 0, the oldest
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m < n
		}
	}
	return false
}
