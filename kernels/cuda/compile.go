//go:build cuda

package cuda

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
)

// sources are the kernels (.cu) and what they include (.cuh).
//
//go:embed *.cu *.cuh
var sources embed.FS

// options are what every kernel is compiled with, beside the architecture. Products and sums are contracted to fma where the
// compiler likes; where a contract names the rounding, the source does too.
var options = []string{"--std=c++17"}

// image is a compiled unit.
type image struct {
	source string
	cubin  []byte
}

// compiler makes images, or takes them from the user's cache folder: compiling all takes seconds, reading them milliseconds.
type compiler struct {
	nvrtc  *nvrtc
	cache  string // folder
	strict bool   // a warning is an error: in tests; another NVRTC than the one tested with may warn of something new
}

// openCompiler finds NVRTC and the cache folder.
func openCompiler(driver int) (*compiler, error) {
	n, err := openNVRTC(driver)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder to keep compiled kernels in; set XDG_CACHE_HOME: %w", err)
	}
	return &compiler{nvrtc: n, cache: filepath.Join(cache, "primer", "cuda")}, nil
}

// images returns every unit compiled for arch. Units that have to be compiled are so side by side.
func (c *compiler) images(arch string) ([]image, error) {
	units, headers, err := readSources(sources)
	if err != nil {
		return nil, err
	}
	images, problems := make([]image, len(units)), make([]error, len(units))
	var wait sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, u := range units {
		wait.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			images[i].source = u.String()
			images[i].cubin, problems[i] = c.image(u, headers, arch)
		})
	}
	wait.Wait()
	return images, errors.Join(problems...)
}

// unit is a .cu file, or one of the parts that it says it is made of: what stands between #if PART(n) and #endif belongs to part n
// alone. A large source is in parts so that several processors compile it at the first start.
type unit struct {
	name, text string
	part       string // "" where the source has none
}

func (u unit) String() string {
	if u.part == "" {
		return u.name
	}
	return u.name + " part " + u.part
}

// options are what this unit is compiled with.
func (u unit) options(arch string, more ...string) []string {
	out := append([]string{"--gpu-architecture=" + arch}, options...)
	if u.part != "" {
		out = append(out, "--define-macro=PRIMER_PART="+u.part)
	}
	return append(out, more...)
}

var partLine = regexp.MustCompile(`(?m)^#if PART\((\d+)\)$`)

// parts are the units of a source.
func parts(name, text string) (units []unit) {
	for _, found := range partLine.FindAllStringSubmatch(text, -1) {
		u := unit{name, text, found[1]}
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if units == nil {
		return []unit{{name: name, text: text}}
	}
	return units
}

func readSources(from fs.FS) (units []unit, headers map[string]string, err error) {
	headers = map[string]string{}
	names, err := fs.Glob(from, "*.cu*")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, nil, err
		}
		if strings.HasSuffix(name, ".cuh") {
			headers[name] = string(text)
		} else {
			units = append(units, parts(name, string(text))...)
		}
	}
	return units, headers, nil
}

// image takes a source from the cache, or compiles it and puts it there.
func (c *compiler) image(u unit, headers map[string]string, arch string) ([]byte, error) {
	all := u.options(arch)
	path := filepath.Join(c.cache, c.key(u, headers, all)+".cubin")
	if entry, err := os.ReadFile(path); err == nil {
		if cubin, ok := unseal(entry); ok {
			return cubin, nil
		} // damaged: it is made anew
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("compiled kernels: %w", err)
	}
	cubin, said, err := c.nvrtc.compile(u.name, u.text, headers, all)
	if err != nil {
		return nil, err
	}
	if c.strict && said != "" {
		return nil, fmt.Errorf("%w: NVRTC %s warns of %v: %s", kernels.ErrDevice, c.nvrtc.version, u, said)
	}
	if len(cubin) == 0 {
		return nil, fmt.Errorf("%w: NVRTC %s made nothing of %v for %s", kernels.ErrDevice, c.nvrtc.version, u, arch)
	}
	err = durable.WriteFile(durable.OS, path, func(w io.Writer) error {
		_, err := w.Write(seal(cubin))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compiled kernels; set XDG_CACHE_HOME to a folder that can be written: %w", err)
	}
	return cubin, nil
}

// key is the name of a source's entry: everything that decides its code.
func (c *compiler) key(u unit, headers map[string]string, options []string) string {
	sum := sha256.New()
	part := func(name, text string) { fmt.Fprintf(sum, "%s %d\n%s\n", name, len(text), text) }
	part("nvrtc", c.nvrtc.version)
	part("options", strings.Join(options, " "))
	part(u.name, u.text)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		part(name, headers[name])
	}
	return strings.TrimSuffix(u.name, ".cu") + "-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// seal puts a checksum before the code; unseal takes it off and says whether it fits.
func seal(cubin []byte) []byte {
	sum := sha256.Sum256(cubin)
	return append(sum[:], cubin...)
}

func unseal(entry []byte) (cubin []byte, ok bool) {
	if len(entry) <= sha256.Size {
		return nil, false
	}
	cubin = entry[sha256.Size:]
	sum := sha256.Sum256(cubin)
	return cubin, bytes.Equal(sum[:], entry[:sha256.Size])
}
