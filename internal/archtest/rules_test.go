package archtest

// A pattern names a package by its folder; "x/..." is x and everything beneath it, "x/*" is what
// lies directly beneath. "..." is every package.

// rule says which of our own packages a package may import.
type rule struct {
	pkg   string
	allow []string
	deny  []string // taken back from allow
}

// everywhere may be imported by every package.
var everywhere = []string{"internal/durable", "internal/progress"}

// ownRules has one row per package or family; the first that matches counts, so the closer ones
// stand first. A package may always import what lies beneath its own internal folder.
var ownRules = []rule{
	{pkg: "cmd/setup", allow: []string{"internal/setup"}},
	{pkg: "cmd/*", allow: []string{"internal/cli"}},

	{pkg: "kernels"},
	{pkg: "kernels/ref", allow: []string{"kernels"}},
	{pkg: "kernels/cpu/...", allow: []string{"kernels"}},
	{pkg: "kernels/cuda/...", allow: []string{"kernels"}},
	{pkg: "kernels/kerneltest", allow: []string{"kernels", "kernels/ref"}},
	// The slow reference is a device too: Open("ref").
	{pkg: "kernels/device", allow: []string{"kernels", "kernels/cpu", "kernels/cuda", "kernels/ref"}},

	{pkg: "model", allow: []string{"kernels"}},
	{pkg: "model/hf", allow: []string{"model", "kernels"}},
	{pkg: "model/generate", allow: []string{"model", "kernels"}},

	{pkg: "tokenizer"},

	{pkg: "data"},
	{pkg: "data/records", allow: []string{"data"}},
	{pkg: "data/warc", allow: []string{"data"}},
	{pkg: "data/s3", allow: []string{"data"}},
	{pkg: "data/export", allow: []string{"data", "data/shard"}},
	{pkg: "data/datasets", allow: []string{"data", "data/records"}},
	{pkg: "data/templates", allow: []string{"data"}},
	{pkg: "data/mine", allow: []string{"data"}},
	{pkg: "data/shard", allow: []string{"data", "tokenizer"}},
	{pkg: "data/mix", allow: []string{"data", "data/shard"}},
	{pkg: "data/curate", allow: []string{"data", "data/shard"}},
	{pkg: "data/sample", allow: []string{"data", "data/shard"}},
	{pkg: "data/sample/internal/...", allow: []string{"data", "data/shard", "data/sample"}},
	{pkg: "data/report/page"},
	{pkg: "data/report", allow: []string{"data/..."}},

	{pkg: "synth", allow: []string{"model/...", "tokenizer", "data", "kernels", "kernels/device", "eval/metric"}},
	{pkg: "synth/job", allow: []string{"synth", "data", "data/report/page", "model/generate"}},

	{pkg: "train", allow: []string{"model/...", "data/...", "kernels", "train/..."}},
	{pkg: "train/collective", allow: []string{"kernels", "kernels/cuda"}},
	{pkg: "train/events"},
	{pkg: "train/rundir", allow: []string{"train/events"}},

	{pkg: "eval/metric"},
	{pkg: "eval", allow: []string{"synth", "model/...", "tokenizer", "data", "kernels", "eval/metric"}},
	{pkg: "pipeline/...", allow: []string{
		"train/...", "synth", "eval/...", "data/...", "model/...", "tokenizer", "kernels", "kernels/device", "pipeline/..."}},
	{pkg: "serve/...", allow: []string{"synth", "model/...", "tokenizer", "data", "kernels/device", "serve/..."}},

	{pkg: "bench/...", allow: []string{"..."}, deny: []string{"cmd/...", "internal/cli"}},
	{pkg: "examples/...", allow: []string{"..."}, deny: []string{"cmd/...", "internal/..."}},
	{pkg: "internal/cli", allow: []string{"..."}, deny: []string{"cmd/..."}},
	{pkg: "internal/durable/...", allow: []string{"internal/durable"}},
	{pkg: "internal/progress"},
	{pkg: "internal/setup", allow: []string{"native/cudashim"}},
	{pkg: "native/cudashim"},
	{pkg: "internal/archtest"},
}

// testOwn is what test files may import on top: everything of ours but the commands.
var testOwn = rule{allow: []string{"..."}, deny: []string{"cmd/...", "internal/cli"}}

// thirdParty says which packages may import which module, by the longest import path that fits.
var thirdParty = map[string][]string{
	"github.com/spf13/cobra":                        {"internal/cli"},
	"github.com/spf13/pflag":                        {"internal/cli"},
	"github.com/pelletier/go-toml/v2":               {"internal/cli", "train", "train/rundir", "data/mix", "data/templates", "data/curate"},
	"github.com/goccy/go-json":                      {"data/..."},
	"github.com/andybalholm/brotli":                 {"data/records", "data/warc"},
	"github.com/klauspost/compress":                 {"data/..."},
	"github.com/klauspost/cpuid/v2":                 {"kernels/cpu", "bench/..."},
	"github.com/parquet-go/parquet-go":              {"data/..."},
	"github.com/zeebo/xxh3":                         {"data/..."},
	"github.com/abadojack/whatlanggo":               {"data/curate"},
	"golang.org/x/text/unicode/norm":                {"data/curate"},
	"github.com/mikelolasagasti/xz":                 {"data"},
	"github.com/pierrec/lz4/v4":                     {"data"},
	"github.com/minio/minio-go/v7":                  {"data/s3"},
	"codeberg.org/readeck/go-readability/v2":        {"data/warc"},
	"golang.org/x/net/html":                         {"data/warc"},
	"github.com/daulet/tokenizers":                  {"tokenizer"},
	"github.com/nlpodyssey/safetensors":             {"model/hf"},
	"github.com/prometheus/client_golang":           {"serve/..."},
	"github.com/prometheus/common/expfmt":           {"serve/..."},
	"github.com/nikolalohinski/gonja/v2":            {"serve/..."},
	"golang.org/x/term":                             {"internal/progress", "internal/cli"},
	"golang.org/x/sys":                              {"internal/durable/...", "internal/setup", "kernels/...", "model/hf", "data/shard"},
	"golang.org/x/sync":                             {"data/...", "synth", "train/...", "eval", "pipeline/...", "serve/...", "internal/cli"},
	"google.golang.org/protobuf/encoding/protowire": {"train/events"},
	"gonum.org/v1/gonum/stat":                       {"eval/...", "pipeline/...", "bench/..."},
	"gonum.org/v1/plot":                             {"pipeline/...", "data/report", "bench/..."},
	"gorgonia.org/cu":                               {"kernels/cuda"},
}

// testThirdParty may be imported by every test file on top: what compares, generates and runs
// tests, and the independent oracles.
var testThirdParty = []string{
	"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "go.uber.org/goleak",
	"gorgonia.org/gorgonia", "gorgonia.org/tensor", "gonum.org/v1/gonum", "github.com/ulikunitz/xz",
}

// unsafeIn lists where package unsafe may be imported: packages around C, and single files.
var unsafeIn = []string{
	"kernels/cpu/...", "kernels/cuda/...",
	"tokenizer/native.go",
	"kernels/tensor.go", "kernels/ref/memory.go", "kernels/kerneltest/memory.go", // tensors seen as slices of their element
	"model/convert.go", "model/load.go", "model/stage.go", // the same, for weights
}

// cgoIn lists where C may be imported.
var cgoIn = []string{"kernels/cpu/...", "kernels/cuda/...", "tokenizer/native.go", "train/collective/..."}

// banned lists functions that only the packages beside them may call.
var banned = map[string][]string{
	// A server without deadlines keeps every half-sent request for ever.
	"net/http.ListenAndServe": nil, "net/http.ListenAndServeTLS": nil, "net/http.Serve": nil,
	"net/http.Get": nil, "net/http.Post": nil, "net/http.DefaultClient": nil,
	// Files are written whole, or not at all, by internal/durable.
	"os.WriteFile": writers, "os.Create": writers, "os.CreateTemp": writers, "os.OpenFile": writers,
	"os.Rename": writers, "os.Truncate": writers, "os.CopyFS": writers,
}

var writers = []string{"internal/durable/...", "internal/setup"}

// atLeast are the versions below which a published advisory or a measured fault stands.
var atLeast = map[string]string{
	"toolchain":                     "go1.26.9",
	"github.com/klauspost/compress": "v1.20.2",
}

// exactly are versions that must not move: later ones need what set-up cannot get, or do not resolve.
var exactly = map[string]string{
	"github.com/daulet/tokenizers": "v1.22.1",
	"gonum.org/v1/gonum":           "v0.17.0",
	"gorgonia.org/tensor":          "v0.9.25-0.20240409020000-068d850921c0",
}

const maxLines = 500
